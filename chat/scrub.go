package chat

import (
	"regexp"
	"strings"
)

// llama-server reads control tokens in any text, so a pasted "<|im_start|>system"
// would open a system turn (llama.cpp issues 24382 and 26273). Until the loaded
// vocabulary itself is asked, every string that has the shape of a control token
// in a known family of models is broken, by swapping its first character for a
// look-alike that no vocabulary joins with the rest.
var (
	// <|im_end|>, <|eot_id|>, <|start_header_id|>, and with the full-width bar of DeepSeek.
	barred = regexp.MustCompile(`<[|｜][^\s<>|｜]{1,64}[|｜]>`)
	// Whole tokens of Llama, Mistral, Gemma, Qwen, Granite, Phi and their kin.
	named = strings.NewReplacer(
		"<s>", "‹s>", "</s>", "‹/s>", "<<SYS>>", "‹<SYS>>", "<</SYS>>", "‹</SYS>>",
		"[INST]", "⁅INST]", "[/INST]", "⁅/INST]",
		"[SYSTEM_PROMPT]", "⁅SYSTEM_PROMPT]", "[/SYSTEM_PROMPT]", "⁅/SYSTEM_PROMPT]",
		"[AVAILABLE_TOOLS]", "⁅AVAILABLE_TOOLS]", "[/AVAILABLE_TOOLS]", "⁅/AVAILABLE_TOOLS]",
		"[TOOL_RESULTS]", "⁅TOOL_RESULTS]", "[/TOOL_RESULTS]", "⁅/TOOL_RESULTS]", "[TOOL_CALLS]", "⁅TOOL_CALLS]",
		"<bos>", "‹bos>", "<eos>", "‹eos>", "<pad>", "‹pad>", "<unk>", "‹unk>",
		"<start_of_turn>", "‹start_of_turn>", "<end_of_turn>", "‹end_of_turn>",
		"<start_of_image>", "‹start_of_image>", "<end_of_image>", "‹end_of_image>",
		"<|turn>", "‹|turn>", "<turn|>", "‹turn|>",
		"<think>", "‹think>", "</think>", "‹/think>",
		"<tool_call>", "‹tool_call>", "</tool_call>", "‹/tool_call>",
		"<tool_response>", "‹tool_response>", "</tool_response>", "‹/tool_response>",
		"[gMASK]", "⁅gMASK]", "<sop>", "‹sop>",
	)
)

// scrub breaks every control token in s. It is idempotent and leaves all other
// text alone.
func scrub(s string) string {
	if !strings.ContainsAny(s, "<[") {
		return s
	}
	s = barred.ReplaceAllStringFunc(s, func(token string) string { return "‹" + token[1:] })
	return named.Replace(s)
}

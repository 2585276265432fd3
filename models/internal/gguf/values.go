package gguf

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// valueType is the type of a metadata value, numbered as in the engine's gguf.h.
type valueType uint32

const (
	typeUint8 valueType = iota
	typeInt8
	typeUint16
	typeInt16
	typeUint32
	typeInt32
	typeFloat32
	typeBool
	typeString
	typeArray
	typeUint64
	typeInt64
	typeFloat64
)

var typeNames = [...]string{"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "string", "array", "u64", "i64", "f64"}

func (t valueType) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", uint32(t))
}

// width gives the bytes of one value, 0 for strings, arrays and unknown types.
func (t valueType) width() uint64 {
	switch t {
	case typeUint8, typeInt8, typeBool:
		return 1
	case typeUint16, typeInt16:
		return 2
	case typeUint32, typeInt32, typeFloat32:
		return 4
	case typeUint64, typeInt64, typeFloat64:
		return 8
	}
	return 0
}

// whole reports whether t is an integer or bool.
func (t valueType) whole() bool { return t.width() > 0 && t != typeFloat32 && t != typeFloat64 }

// number is an integer or bool of type typ; signed values are sign-extended.
type number struct {
	typ  valueType
	bits uint64
}

// uint gives the value of a number, and false when it is negative.
func (n number) uint() (uint64, bool) {
	switch n.typ {
	case typeInt8, typeInt16, typeInt32, typeInt64:
		return n.bits, int64(n.bits) >= 0
	}
	return n.bits, true
}

// decode reads one little-endian integer or bool.
func decode(t valueType, b []byte) number {
	switch t {
	case typeInt8:
		return number{t, uint64(int8(b[0]))}
	case typeInt16:
		return number{t, uint64(int16(binary.LittleEndian.Uint16(b)))}
	case typeInt32:
		return number{t, uint64(int32(binary.LittleEndian.Uint32(b)))}
	case typeUint16:
		return number{t, uint64(binary.LittleEndian.Uint16(b))}
	case typeUint32:
		return number{t, uint64(binary.LittleEndian.Uint32(b))}
	case typeUint64, typeInt64:
		return number{t, binary.LittleEndian.Uint64(b)}
	}
	return number{t, uint64(b[0])}
}

// list is an array as far as later checks need it.
type list struct {
	element valueType
	length  uint64
	numbers []number // only of the arrays that hold one number per layer
}

// metadata is what later checks need of the pairs.
type metadata struct {
	types   map[string]valueType // of every key seen
	numbers map[string]number
	lists   map[string]list
	texts   map[string]string
}

// wanted types: the engine throws, asserts or casts blindly on another.
var wanted = map[string]valueType{
	"general.architecture":                    typeString,
	"general.type":                            typeString,
	"general.name":                            typeString,
	"general.license":                         typeString,
	"general.alignment":                       typeUint32,
	"general.file_type":                       typeUint32,
	"general.quantization_version":            typeUint32,
	"split.no":                                typeUint16,
	"split.count":                             typeUint16,
	"split.tensors.count":                     typeInt32,
	"tokenizer.chat_template":                 typeString,
	"tokenizer.huggingface.json":              typeString,
	"tokenizer.ggml.model":                    typeString,
	"tokenizer.ggml.pre":                      typeString,
	"tokenizer.ggml.token_type_count":         typeUint32,
	"tokenizer.ggml.add_bos_token":            typeBool,
	"tokenizer.ggml.add_eos_token":            typeBool,
	"tokenizer.ggml.add_sep_token":            typeBool,
	"tokenizer.ggml.add_space_prefix":         typeBool,
	"tokenizer.ggml.remove_extra_whitespaces": typeBool,
	"tokenizer.ggml.tokens":                   typeArray,
	"tokenizer.ggml.merges":                   typeArray,
	"tokenizer.ggml.scores":                   typeArray,
	"tokenizer.ggml.token_type":               typeArray,
	"tokenizer.ggml.suppress_tokens":          typeArray,
	"tokenizer.ggml.precompiled_charsmap":     typeArray,
}

// wantedElements: arrays whose elements the engine casts.
var wantedElements = map[string][]valueType{
	"tokenizer.ggml.tokens":               {typeString},
	"tokenizer.ggml.merges":               {typeString},
	"tokenizer.ggml.scores":               {typeFloat32, typeInt32},
	"tokenizer.ggml.token_type":           {typeInt32},
	"tokenizer.ggml.suppress_tokens":      {typeInt32},
	"tokenizer.ggml.precompiled_charsmap": {typeUint8, typeInt8},
}

// plainKey reports whether a key is printable ASCII without blanks, as the
// format asks. The engine compares keys up to the first NUL: one with a NUL
// would be another key to it than to us.
func plainKey(key []byte) bool {
	for _, b := range key {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return len(key) > 0
}

// plainText reports whether s is UTF-8 without NUL: the engine reads strings
// up to the first NUL.
func plainText(s []byte) bool {
	return bytes.IndexByte(s, 0) < 0 && utf8.Valid(s)
}

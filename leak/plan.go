package leak

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"abaton.local/leak/corpus"
)

// Job is one trace to be taken.
type Job struct {
	Prompt    corpus.Prompt
	Recording corpus.Recording
	Mode      string
	Trial     int // of this prompt in this mode, from 0
}

// Key tells a job from all others of a way.
func (j Job) Key() string { return jobKey(j.Mode, j.Prompt.ID, j.Trial) }

func jobKey(mode, prompt string, trial int) string {
	return fmt.Sprintf("%s %s %d", mode, prompt, trial)
}

// Plan says which traces a run takes.
type Plan struct {
	Topics  []string      `json:"topics"` // labels; noise comes by itself
	Modes   []string      `json:"modes"`
	Prompts int           `json:"prompts_per_label"`
	Trials  int           `json:"trials_per_prompt"`
	Noise   int           `json:"noise_prompts,omitempty"` // of noise, and fewer traces of each, as many in all as a topic has; 0: as of a topic
	Longest time.Duration `json:"longest_answer"`          // answers that take longer are left out
	Seed    uint64        `json:"seed"`
}

// String tells how many prompts are asked how often.
func (p Plan) String() string {
	if p.Noise == 0 || p.Noise == p.Prompts {
		return fmt.Sprintf("%d prompts of each label, %d traces of each", p.Prompts, p.Trials)
	}
	return fmt.Sprintf("%d prompts of each topic, %d traces of each; of noise %d prompts, and as many traces in all", p.Prompts, p.Trials, p.Noise)
}

// TooLittleError says that a corpus has not enough of a label.
type TooLittleError struct {
	Label        string
	Wanted, Have int
}

func (e *TooLittleError) Error() string {
	return fmt.Sprintf("the corpus has recorded answers to %d prompts of %q that can be used, and %d are wanted. Ask for fewer, or for another topic.", e.Have, e.Label, e.Wanted)
}

// Jobs are the traces of a way in an order drawn by lot, the modes among each
// other: what the machine does meanwhile goes with no label and no mode. Each way
// has a lot of its own: in one order for all, what falls together by chance would do
// so in every way. left is how many answers were too long.
func (p Plan) Jobs(way string, prompts []corpus.Prompt, recordings []corpus.Recording) (jobs []Job, left int, err error) {
	answers := make(map[string][]corpus.Recording)
	for _, r := range recordings {
		if p.Longest > 0 && r.Stopped > p.Longest {
			left++
			continue
		}
		answers[r.Prompt] = append(answers[r.Prompt], r)
	}
	r := rand.New(rand.NewPCG(p.Seed, 17))
	for _, label := range append([]string{corpus.Noise}, p.Topics...) {
		var own []corpus.Prompt
		for _, prompt := range prompts {
			if prompt.Set == corpus.Topics && prompt.Label == label && len(answers[prompt.ID]) > 0 {
				own = append(own, prompt)
			}
		}
		wanted := p.Prompts
		if label == corpus.Noise && p.Noise > 0 {
			wanted = p.Noise
		}
		if len(own) < wanted {
			return nil, left, &TooLittleError{label, wanted, len(own)}
		}
		r.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
		for i, prompt := range own[:wanted] {
			said := answers[prompt.ID]
			for trial := range portion(p.Prompts*p.Trials, wanted, i) {
				for _, mode := range p.Modes {
					jobs = append(jobs, Job{prompt, said[trial%len(said)], mode, trial})
				}
			}
		}
	}
	lot := fnv.New64a()
	fmt.Fprint(lot, way)
	rand.New(rand.NewPCG(p.Seed, lot.Sum64())).Shuffle(len(jobs), func(i, j int) { jobs[i], jobs[j] = jobs[j], jobs[i] })
	return jobs, left, nil
}

// portion is how many of n traces the i-th of so many prompts has.
func portion(n, prompts, i int) int {
	if i < n%prompts {
		return n/prompts + 1
	}
	return n / prompts
}

// TopicsOf lists the labels of a corpus that are on a topic.
func TopicsOf(prompts []corpus.Prompt) (topics []string) {
	for _, p := range prompts {
		if p.Set == corpus.Topics && p.Label != corpus.Noise && !slices.Contains(topics, p.Label) {
			topics = append(topics, p.Label)
		}
	}
	slices.Sort(topics)
	return topics
}

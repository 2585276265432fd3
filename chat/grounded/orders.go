package grounded

import (
	"regexp"

	"abaton.local/library"
)

// orders finds texts that speak to a machine, in English and French: those that
// ask to forget what was said, that give it a part to play, that name its secrets,
// or that bring the marks of a template along. It says something to the person and
// decides nothing: whoever writes an order can write it so that this misses it.
var orders = regexp.MustCompile(`(?i)` +
	`\b(ignore|disregard|forget|override)\b.{0,40}\b(previous|prior|above|earlier|all|any|your)\b.{0,40}\b(instruction|prompt|rule|direction|guideline|message)s?` +
	`|\b(ignore[rz]?|oublie[rz]?|ne tiens? pas compte|ne tenez pas compte)\b.{0,60}\b(instruction|consigne|règle|message|directive)s?` +
	`|\b(you are now|from now on,? you|act as|pretend to be|tu es maintenant|vous êtes maintenant|désormais,? (tu|vous)|fais semblant|comporte-toi)\b` +
	`|\b(system prompt|developer mode|jailbreak|prompt système|message système|invite système)\b` +
	`|\b(dear|attention|note to|message for|important for)\b.{0,20}\b(ai|assistant|llm|language model|chatbot|model)\b` +
	`|\b(assistant|modèle|ia)\b.{0,30}\b(doit|dois|devez|must|shall|should)\b.{0,40}\b(répondre|dire|reply|answer|say|respond|print|output|afficher|envoyer|send|call|appeler)\b` +
	`|\b(call|invoke|run|execute|use|appelle|appelez|exécute|exécutez|lance|lancez)\b.{0,20}\b(tool|function|outil|fonction|send_mail|shell|curl)\b` +
	`|<\|[a-z_]+\|>|\[/?INST\]|<(start|end)_of_turn>|<</?SYS>>`)

// badges of a document's passage. The name of a file can give orders, too.
func badges(d library.Document, heading, text string) (list []Badge) {
	if d.Hidden > 0 {
		list = append(list, HiddenText)
	}
	if d.Unseen > 0 {
		list = append(list, UnseenSigns)
	}
	if orders.MatchString(text) || orders.MatchString(heading) || orders.MatchString(d.Name) {
		list = append(list, Orders)
	}
	return list
}

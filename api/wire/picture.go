package wire

// Picture is an image as it was sent, for the message of that index in
// chat.Ask.Messages. Its bytes are nobody's yet: they are decoded and encoded
// anew in the jail before they become an engine.Image. Pictures of one message
// come in their order.
type Picture struct {
	Message int
	Raw     []byte
}

package clients

import (
	"fmt"
	"net/http"
	"slices"
)

// shaped is "yes" where all answers are sealed: several words may be one piece
// then, and failures of the engine come in the stream.
func shaped() string {
	if slices.Contains(served.flags, "sealed") {
		return "yes"
	}
	return "no"
}

// leastPieces is how many pieces of text the answer to the question has at least:
// the first at once, more in frames.
func leastPieces() int {
	if shaped() == "yes" {
		return 1
	}
	return 2
}

// paddedClient is client, and its questions tell little by their sizes. shape is
// set to what the newest answer says of that.
func (d door) paddedClient(shape *string) *http.Client {
	c := d.client()
	c.Transport = noting{padded{c.Transport}, shape}
	return c
}

type noting struct {
	next  http.RoundTripper
	shape *string
}

func (n noting) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := n.next.RoundTrip(r)
	if err == nil {
		*n.shape = resp.Header.Get("X-Abaton-Shape")
	}
	return resp, err
}

// wasPadded wants a question to be taken for padded.
func wasPadded(shape string) error {
	if shape != "sealed; upload=padded" {
		return fmt.Errorf("the answer's shape is %q", shape)
	}
	return nil
}

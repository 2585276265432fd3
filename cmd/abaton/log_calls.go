package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"

	"golang.org/x/mod/sumdb/note"

	"abaton.local/audit"
	"abaton.local/vault"
)

// Where witnesses and auditors read the audit log, and where a witness hands in
// what it cosigned.
const (
	auditPath       = "/audit/"
	cosignatureName = "cosignature"
)

// auditFile serves a file of the audit log: its checkpoint, tiles and key.
func (at counter) auditFile(w http.ResponseWriter, r *http.Request, _ vault.Session) {
	http.ServeFileFS(w, r, at.home.audit.Files(), r.PathValue("rest"))
}

// mostCosignature bounds a cosigned checkpoint, in bytes; one has some 400.
const mostCosignature = 8 << 10

// takeCosignature keeps a cosigned checkpoint of a witness that is known here.
// Whoever hands it in is believed nothing: the witness's key says whose it is.
func (at counter) takeCosignature(w http.ResponseWriter, r *http.Request, _ vault.Session) {
	msg, err := io.ReadAll(io.LimitReader(r.Body, mostCosignature+1))
	switch {
	case err != nil:
		err = errors.New("this cosigned checkpoint did not arrive whole: send it again")
	case len(msg) > mostCosignature:
		err = fmt.Errorf("this is too long for a cosigned checkpoint, which has at most %d bytes: nothing is kept", mostCosignature)
	case len(at.witnesses) == 0:
		err = errors.New("no witness is known here, so nothing is kept: put the key that `abaton witness key` prints there into `witnesses` " +
			"in abaton.toml of this machine, then start `abaton serve` anew")
	default:
		err = at.home.audit.Cosign(msg, at.witnesses...)
	}
	if err != nil {
		at.refuse(w, tell(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// mostWitnesses bounds how many may be known; one or two are usual.
const mostWitnesses = 64

// witnessKeys reads the public keys of the witnesses that are known here.
func witnessKeys(keys []string) ([]note.Verifier, error) {
	if len(keys) > mostWitnesses {
		return nil, fmt.Errorf("%d witnesses are more than the %d that may be known", len(keys), mostWitnesses)
	}
	var list []note.Verifier
	for _, key := range keys {
		v, err := audit.ParseWitnessKey(key)
		if err != nil {
			return nil, fmt.Errorf("%q is no public key of a witness: `abaton witness key` prints it there", key)
		}
		for _, other := range list {
			if audit.CosignedName(other) == audit.CosignedName(v) {
				return nil, fmt.Errorf("%s is there twice", v.Name())
			}
		}
		list = append(list, v)
	}
	return list, nil
}

package vault

import (
	"context"
	"time"
)

// settling is how long finding out about an edit may take.
const settling = 5 * time.Second

// Keeper is what [Settle] writes to: a [Vault].
type Keeper interface {
	List(Kind, ID) []Record
	Lookup(ID) (Record, error)
	Write(context.Context, Edit) error
}

// Settle makes an edit. Where the store did not say whether it happened, it finds
// out, and gives no error if it did. In doubt that failed too: then the error may
// belong to an edit that happened, and the caller reads anew before the next one.
// Nobody else may change the records of the edit meanwhile.
func Settle(ctx context.Context, v Keeper, e Edit) (doubt bool, err error) {
	var before uint64
	if len(e.Put) > 0 {
		r, _ := v.Lookup(e.Put[0].ID) // 0 where it is new
		before = r.Version
	}
	if err = v.Write(ctx, e); err == nil {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settling)
	defer cancel()
	if v.Write(ctx, Edit{}) != nil {
		return true, err
	}
	happened := false
	switch {
	case len(e.Put) > 0:
		r, _ := v.Lookup(e.Put[0].ID)
		happened = r.Version > before
	case len(e.Drop) > 0:
		happened = len(v.List(0, e.Drop[0])) == 0
	case len(e.Delete) > 0:
		_, gone := v.Lookup(e.Delete[0])
		happened = gone != nil
	}
	if happened {
		return false, nil
	}
	return false, err
}

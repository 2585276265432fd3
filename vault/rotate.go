package vault

import "context"

// How much one Continue reseals.
const (
	stepRecords = 256
	stepBytes   = 16 << 20
)

// Rotate puts another root key in place of the present one: in one commit the
// header, the journal from here on, the list of records and every container's
// key are new, and with them the slot set that opens the new root key. Before
// the commit the old root key opens the vault, after it the new one; never both
// and never none. The records themselves are resealed by Continue, until when
// whoever had the old root key and the old rows can read what those held.
func (v *Vault) Rotate(ctx context.Context, root *Key, slots []byte) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return err
	}
	c := v.begin()
	c.keys = deriveKeys(root, v.keys.generation+1)
	var more []*containerKey
	for id := range v.manifest.containers {
		more = append(more, newContainerKey(id, c.keys.generation))
	}
	c.rebuild(v.ring, c.keys, func(*containerKey) bool { return true }, more)
	c.replaceSlots(slots)
	return v.commit(ctx, c)
}

// Left is how many records a rotation has still to reseal; -1 means that only
// the old keys have to be destroyed. Until it is 0, call Continue.
func (v *Vault) Left() int {
	v.mu.RLock()
	defer v.mu.RUnlock()
	switch {
	case v.closed:
		return 0
	case v.manifest.old == 0 && v.ring.old > 0:
		return -1
	}
	return v.manifest.old
}

// Continue reseals some records that lie under keys from before a rotation, in
// one commit, and with the last of them destroys those keys. A record that is
// damaged stops it with a *[Damage]: delete that record and go on.
func (v *Vault) Continue(ctx context.Context) error {
	v.writing.Lock()
	defer v.writing.Unlock()
	if err := v.ready(ctx); err != nil {
		return err
	}
	if v.ring.old == 0 {
		return nil
	}
	c := v.begin()
	for _, it := range v.manifest.oldest(stepRecords, stepBytes) {
		payload, err := v.read(ctx, &it)
		if err != nil {
			return err
		}
		if it.large {
			c.gone = append(c.gone, v.partsOf(&it).rows()...)
		}
		o := it.put()
		c.add(v.sealRecord(v.ring.find(it.in.id, v.keys.generation), &o, payload))
		c.step.ops = append(c.step.ops, o)
	}
	if c.old(v.manifest) == 0 {
		c.rebuild(v.ring, v.keys, func(k *containerKey) bool { return k.generation == v.keys.generation }, nil)
	}
	return v.commit(ctx, c)
}

package vault

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"

	"abaton.local/vault/internal/seal"
)

// Config is what a directory is opened with.
type Config struct {
	Store    Store
	Device   *Device
	StateDir string   // where remembered heads lie, 0700
	Audit    Recorder // the shared record
	Now      func() time.Time
	// Cost of new passphrases. The zero Cost is calibrated once, at the first
	// start, and then kept in the directory.
	Cost Cost
	// Opened, where given, is called when a person's vault was opened, before any
	// session has it; Closing, when the last one is gone and its keys are about to
	// follow: they wait until it returns. Neither must call back into the directory.
	Opened  func(PersonID, *Vault)
	Closing func(PersonID)
	// Locked, where given, is called when a person's keys are gone, or the person:
	// what still holds their words must end. It must not call back into the
	// directory.
	Locked func(PersonID)
	// TokenIdle is how long what a token opened stays open after its last request:
	// a minute where it is zero, never longer than other sessions do.
	TokenIdle time.Duration
	// NewMachine accepts a store whose directory was sealed with a device secret
	// that is lost: a new directory begins, and each person comes back with their
	// recovery code. What the old device secret alone opened is lost.
	NewMachine bool
	// Accept is the rollback of the directory itself that the owner was told of.
	Accept *RolledBack
	// Serving says that the program runs whether or not somebody works: then the
	// heads of all vaults go on the shared record on its schedule, and when it
	// starts and stops.
	Serving bool
}

// Directory knows the people of this installation, what opens their vaults, and
// which of those are open now. It keeps no keys on any disk. What it knows (names,
// roles, invitations, digests of tokens) is itself a vault, under a root key
// derived from the device secret. It is safe for concurrent use; one process has
// one Directory over a store.
type Directory struct {
	config Config
	smith  smith
	id     ID
	vault  *Vault
	heads  *remembered
	stale  bool // what is remembered and the shared record do not go together
	fails  *failures
	lobby  *sessions
	decoy  *slotSet // what a name that does not exist is tried against
	decoyB []byte   // the decoy, encoded

	passkeys sync.Mutex // held while somebody's passkeys change, here and in their vault; taken before change
	change   sync.Mutex // held while records of the directory change

	mu     sync.RWMutex // guards what follows
	people map[PersonID]*person
	names  map[string]*person      // by folded name
	orders uint64                  // given to people, the highest
	notes  map[ID]*invitation      // open invitations
	claim  [32]byte                // digest of the claim, where there is one
	tokens map[tokenID]*tokenEntry // of everybody
	leases map[tokenID]Session     // unlocked by a token
	deeds  map[tokenID]time.Time   // last written to its person's journal
}

// Kinds of records in the directory's own vault.
const (
	kindPerson     Kind = 0x20
	kindInvitation Kind = 0x21
	kindTokenEntry Kind = 0x22
	kindHouse      Kind = 0x23
)

func peopleContainer() ID { return ID{15: 3} }

// houseRecord is what the directory keeps about the installation.
func houseRecord() ID { return ID{15: 4} }

type house struct {
	Format int  `json:"format"`
	Cost   Cost `json:"cost"`
}

const houseFormat = 1

// ErrOtherDevice says that the vaults in the store belong to another device
// secret.
var ErrOtherDevice = errors.New("the store holds vaults that were made with another device secret: put the old file back; if it is lost, start once with a new directory (--new-machine), and everybody comes back with their recovery code")

// Fits is ErrOtherDevice where a store holds vaults and none is this device
// secret's directory. It writes nothing: whoever opens something else with keys
// of the device secret asks first.
func (d *Device) Fits(ctx context.Context, st Store) error {
	id, root := d.directory()
	root.Clear()
	vaults, err := st.Vaults(ctx)
	switch {
	case err != nil:
		return fmt.Errorf("directory: %w", err)
	case len(vaults) > 0 && !slices.Contains(vaults, id):
		return ErrOtherDevice
	}
	return nil
}

// OpenDirectory opens the directory of a store, and begins one where the store
// is empty. It writes nothing to an existing one but what an interrupted change
// left to be finished.
func OpenDirectory(ctx context.Context, c Config) (*Directory, error) {
	if c.Store == nil || c.Device == nil || c.Audit == nil || c.StateDir == "" {
		return nil, errors.New("directory: store, device secret, shared record and state folder are needed")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if err := os.MkdirAll(c.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	d := &Directory{
		config: c, fails: newFailures(), lobby: newSessions(c.Now, c.Device.arena),
		people: map[PersonID]*person{}, names: map[string]*person{}, notes: map[ID]*invitation{},
		tokens: map[tokenID]*tokenEntry{}, leases: map[tokenID]Session{}, deeds: map[tokenID]time.Time{},
	}
	d.lobby.opened, d.lobby.closing, d.lobby.locked = c.Opened, d.closing, d.wasLocked
	d.lobby.tokenIdle = min(cmp.Or(c.TokenIdle, tokenLock), idleLock)
	if err := d.open(ctx); err != nil {
		if d.vault != nil {
			d.vault.Close()
		}
		if d.heads != nil {
			d.heads.sealer.Clear()
		}
		return nil, err
	}
	return d, nil
}

func (d *Directory) open(ctx context.Context) error {
	id, root := d.config.Device.directory()
	defer root.Clear()
	d.id = id
	vaults, err := d.config.Store.Vaults(ctx)
	if err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	fresh := true
	for _, v := range vaults {
		fresh = fresh && v != id
	}
	if fresh && len(vaults) > 0 && !d.config.NewMachine {
		return ErrOtherDevice
	}
	if d.heads, err = openRemembered(d.config.StateDir, d.config.Device, id); err != nil {
		return err
	}
	last, current := d.heads.settle(d.config.Audit)
	d.stale = !current
	if fresh {
		err = d.begin(ctx, root)
	} else {
		err = d.load(ctx, root)
	}
	if err != nil {
		return err
	}
	if err := d.heads.bind(d.config.Audit, d.due(last)...); err != nil {
		return err
	}
	d.stale = false
	d.smith = smith{device: d.config.Device, stove: newStove(), cost: d.smith.cost}
	return d.makeDecoy()
}

// begin makes the directory of an empty store.
func (d *Directory) begin(ctx context.Context, root *seal.Key) (err error) {
	if m, known := d.heads.of(d.id); known && m.Seq > 0 || d.stale {
		gone := RolledBack{Remembered: m.Seq, Stale: d.stale} // there was a directory, and now there is none
		if d.config.Accept == nil || *d.config.Accept != gone {
			return fmt.Errorf("directory: %w", &gone)
		}
		if err := d.acceptedAll(); err != nil {
			return err
		}
	}
	// First that it is about to be: a crash must not look like a rollback.
	d.heads.note(d.id, Head{})
	if err := d.heads.write(); err != nil {
		return err
	}
	if d.vault, err = Create(ctx, d.config.Store, d.id, root, nil); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	if err := d.furnish(ctx); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	d.note(d.id, d.vault)
	return d.heads.write()
}

// furnish writes what an empty directory lacks.
func (d *Directory) furnish(ctx context.Context) error {
	d.smith.cost = d.config.Cost
	if d.smith.cost == (Cost{}) {
		d.smith.cost = Calibrate(time.Now) // the machine is measured, whatever the calendar says
	}
	if err := d.smith.cost.check(); err != nil {
		return fmt.Errorf("the cost of passphrases: %w", err)
	}
	b, err := json.Marshal(house{Format: houseFormat, Cost: d.smith.cost})
	if err != nil {
		return err
	}
	return d.vault.Write(ctx, Edit{Put: []Put{{ID: houseRecord(), Container: peopleContainer(), Kind: kindHouse, Payload: b}}})
}

// load reads an existing directory and finishes what was interrupted.
func (d *Directory) load(ctx context.Context, root *seal.Key) (err error) {
	mark, known := d.heads.of(d.id)
	mark.doubt = mark.doubt || d.stale
	accepted := false
	open := func(m Head) (*Vault, error) { return Open(ctx, d.config.Store, d.id, root, Opening{Remembered: m}) }
	if d.vault, accepted, err = d.openChecked(ctx, mark, known, Head{}, d.config.Accept, open); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if accepted {
		if err := d.acceptedAll(); err != nil {
			return err
		}
	}
	if err := d.readHouse(ctx); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if err := d.readPeople(ctx); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	if err := d.finish(ctx); err != nil {
		return fmt.Errorf("directory: %w", err)
	}
	d.note(d.id, d.vault)
	return nil
}

// acceptedAll puts on the record that whoever runs the machine accepts an older
// state. They do it for the directory alone: where all that is remembered may
// be old, each person is asked about their own vault.
func (d *Directory) acceptedAll() error {
	if err := d.config.Audit.Record(Event{What: RollbackAccepted, Object: d.id}); err != nil {
		return err
	}
	if d.stale {
		d.heads.doubtAll()
	}
	return nil
}

func (d *Directory) readHouse(ctx context.Context) error {
	b, err := d.vault.Read(ctx, houseRecord())
	if errors.Is(err, ErrNoRecord) && len(d.vault.List(kindPerson, ID{})) == 0 {
		return d.furnish(ctx) // the first start did not come that far
	}
	var h house
	if err == nil {
		err = json.Unmarshal(b, &h)
	}
	if err == nil && h.Format != houseFormat {
		err = fmt.Errorf("it has format %d, this program reads %d: use a newer Abaton", h.Format, houseFormat)
	}
	if err == nil {
		err = h.Cost.check()
	}
	d.smith.cost = h.Cost
	if d.config.Cost != (Cost{}) {
		d.smith.cost = d.config.Cost
	}
	return err
}

// Run locks sessions when their time has come and writes remembered heads on
// their schedule, until the context ends; then it locks everybody.
func (d *Directory) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { d.lobby.run(ctx) })
	for {
		now := d.config.Now()
		timer := time.NewTimer(now.Truncate(rememberedEvery).Add(rememberedEvery).Sub(now))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
			if err := d.scheduled(); err != nil {
				return err
			}
		}
	}
}

// Remember writes how far each vault has got. Run does it on a fixed schedule;
// a short-lived program calls it, through Close, at its end.
func (d *Directory) Remember() error {
	d.noteAll()
	return d.heads.write()
}

// noteAll takes the marks of all that is open.
func (d *Directory) noteAll() {
	d.lobby.each(func(person PersonID, v *Vault) {
		d.note(identity(person), v)
	})
	d.note(d.id, d.vault)
}

// Close locks everybody and lets go of the directory.
func (d *Directory) Close() error {
	d.lobby.lockAll("", nil)
	err := d.scheduled()
	d.vault.Close()
	d.heads.sealer.Clear()
	return err
}

// fasten remembers the directory as it is now, on the disk, without waiting for
// the schedule: after something was taken from somebody. Else whoever ends the
// program and puts the store back to a moment ago gives it back to them unseen.
// That it fails is no reason to say that nothing was taken: the schedule tries
// again, and says so.
func (d *Directory) fasten() { _ = d.bindNow() }

// note remembers, in memory, how far a vault has got.
func (d *Directory) note(id ID, v *Vault) {
	d.heads.note(id, v.Head())
}

// closing is a vault's last moment before its keys go.
func (d *Directory) closing(o *home, v *Vault) {
	if d.config.Closing != nil {
		d.config.Closing(o.person)
	}
	// A journal that cannot be written must not keep the keys in memory.
	_ = noteDeed(context.Background(), v, Deed{At: d.config.Now(), What: DeedLocked})
	d.note(identity(o.person), v)
}

func (d *Directory) wasLocked(p PersonID) {
	if d.config.Locked != nil {
		d.config.Locked(p)
	}
}

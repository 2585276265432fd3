package vault

import (
	"context"
	"iter"
	"sync"
)

// leavable is a store that an open vault need not wait for. Once it is left,
// calls under way and all after them fail with ErrLocked, whatever the store
// does: a disk that hangs must not keep keys in memory. What was asked of the
// store may still happen; it was handed sealed bytes only.
type leavable struct {
	st   Store
	left chan struct{}
	once sync.Once
}

func newLeavable(st Store) *leavable { return &leavable{st: st, left: make(chan struct{})} }

func (l *leavable) leave() { l.once.Do(func() { close(l.left) }) }

func (l *leavable) isLeft() bool {
	select {
	case <-l.left:
		return true
	default:
		return false
	}
}

// asked is what a store answered.
type asked[T any] struct {
	value T
	err   error
}

// wait gives what f answers, or ErrLocked as soon as l is left.
func wait[T any](ctx context.Context, l *leavable, f func(context.Context) (T, error)) (T, error) {
	var none T
	if l.isLeft() {
		return none, ErrLocked
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	answer := make(chan asked[T], 1)
	go func() {
		v, err := f(ctx)
		answer <- asked[T]{v, err}
	}()
	select {
	case a := <-answer:
		return a.value, a.err
	case <-l.left:
	}
	select {
	case a := <-answer: // both at one time: it was in time
		return a.value, a.err
	default:
		return none, ErrLocked
	}
}

// follow yields what seq does, until l is left.
func follow[T any](ctx context.Context, l *leavable, seq func(context.Context) iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		if l.isLeft() {
			yield(none, ErrLocked)
			return
		}
		ctx, stop := context.WithCancel(ctx)
		defer stop()
		items := make(chan asked[T], 32)
		var cut error // why not all of seq is in items; set before they are closed
		go func() {
			defer close(items)
			for v, err := range seq(ctx) {
				select {
				case items <- asked[T]{v, err}:
				case <-ctx.Done():
					cut = ctx.Err()
					return
				}
			}
		}()
		for {
			select {
			case i, more := <-items:
				if !more {
					if cut != nil { // half of it must not look like all
						yield(none, cut)
					}
					return
				}
				if yield(i.value, i.err) {
					continue
				}
				stop()
				for { // the store is done with it when this returns
					select {
					case _, more := <-items:
						if !more {
							return
						}
					case <-l.left:
						return
					}
				}
			case <-l.left:
				yield(none, ErrLocked)
				return
			}
		}
	}
}

func (l *leavable) Vaults(ctx context.Context) ([]ID, error) { return wait(ctx, l, l.st.Vaults) }

func (l *leavable) Shell(ctx context.Context, vault ID) (Shell, error) {
	return wait(ctx, l, func(ctx context.Context) (Shell, error) { return l.st.Shell(ctx, vault) })
}

func (l *leavable) Journal(ctx context.Context, vault ID, from uint64) iter.Seq2[Entry, error] {
	return follow(ctx, l, func(ctx context.Context) iter.Seq2[Entry, error] { return l.st.Journal(ctx, vault, from) })
}

func (l *leavable) Rows(ctx context.Context, vault ID, named ...ID) iter.Seq2[Row, error] {
	return follow(ctx, l, func(ctx context.Context) iter.Seq2[Row, error] { return l.st.Rows(ctx, vault, named...) })
}

func (l *leavable) Commit(ctx context.Context, changes ...Change) error {
	_, err := wait(ctx, l, func(ctx context.Context) (struct{}, error) { return struct{}{}, l.st.Commit(ctx, changes...) })
	return err
}

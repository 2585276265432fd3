package vault

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// shield keeps a page out of core images and out of children.
func shield(page []byte) error {
	for _, advice := range []int{unix.MADV_DONTDUMP, unix.MADV_WIPEONFORK} {
		if err := unix.Madvise(page, advice); err != nil {
			return fmt.Errorf("keeping keys out of core images (advice %d): %w; Linux 4.14 or newer is needed", advice, err)
		}
	}
	return nil
}

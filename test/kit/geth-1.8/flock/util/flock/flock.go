// Package flock: the lock of a data directory, as geth 1.8.27 asks for it; the module it comes from is not needed otherwise.
package flock

import (
	"os"
	"syscall"
)

// Releaser gives the lock back.
type Releaser interface{ Release() error }

type lock struct{ *os.File }

func (l lock) Release() error { return l.Close() }

// New takes the lock of the file at path, which is made when it is not there.
func New(path string) (Releaser, bool, error) {
	_, missing := os.Stat(path)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, missing == nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, missing == nil, err
	}
	return lock{file}, missing == nil, nil
}

package main

import (
	"errors"
	"os"
	"path/filepath"
)

// writeSecret writes a file that its owner alone can read. One that exists stays
// as it is, unless it is to be replaced: then in one step, so that a node that
// reads it meanwhile sees the old one or the new one.
func writeSecret(name string, text []byte, replace bool) error {
	if !replace {
		file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return existsAlready(name)
		}
		if err != nil {
			return err
		}
		return writeAll(file, text)
	}
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*") // of mode 0600
	if err != nil {
		return err
	}
	err = writeAll(file, text)
	if err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return nil
}

func writeAll(file *os.File, text []byte) error {
	_, err := file.Write(text)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

func existsAlready(name string) error {
	f := failf(exitError, "%s exists already, and stays as it is", name)
	f.hint = "Name another place, or replace it with --force."
	return f
}

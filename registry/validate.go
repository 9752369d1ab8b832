package registry

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"unicode"

	"github.com/cellway/cellway/placement"
)

// ErrInvalid: a record that no registry keeps: a name, an address or a number in it is not possible.
var ErrInvalid = errors.New("invalid record")

const maxIDLength = 128

// Validate names the first field that cannot be. What was read from a registry is checked with it, and what
// is about to be written.
func (in Instance) Validate() error {
	if err := validateID("instance id", in.ID); err != nil {
		return err
	}
	if err := placement.ValidateCellName(in.Cell); err != nil {
		return fmt.Errorf("%w: cell: %w", ErrInvalid, err)
	}
	if err := validateAddress("address", in.Address); err != nil {
		return err
	}
	if err := validateAddress("internal address", in.Internal); err != nil {
		return err
	}
	if err := validateWeight(in.Weight); err != nil {
		return err
	}
	if err := placement.ValidatePartitionCount(in.Partitions); err != nil {
		return fmt.Errorf("%w: partitions: %w", ErrInvalid, err)
	}
	return nil
}

// Validate names the first field that cannot be.
func (c Cell) Validate() error {
	if err := placement.ValidateCellName(c.Name); err != nil {
		return fmt.Errorf("%w: name: %w", ErrInvalid, err)
	}
	if c.DatabaseID == "" {
		return fmt.Errorf("%w: database id is empty", ErrInvalid)
	}
	return validateWeight(c.Weight)
}

// Validate names the first field that cannot be.
func (c Cluster) Validate() error {
	if err := validateID("cluster id", c.ID); err != nil {
		return err
	}
	if err := placement.ValidatePartitionCount(c.Partitions); err != nil {
		return fmt.Errorf("%w: partitions: %w", ErrInvalid, err)
	}
	if c.Hash == "" {
		return fmt.Errorf("%w: hash is empty", ErrInvalid)
	}
	return nil
}

// Validate names the first field that cannot be.
func (mv Move) Validate() error {
	if mv.Partition < 0 || mv.Partition >= placement.MaxPartitions {
		return fmt.Errorf("%w: partition %d", ErrInvalid, mv.Partition)
	}
	if err := placement.ValidateCellName(mv.From); err != nil {
		return fmt.Errorf("%w: from: %w", ErrInvalid, err)
	}
	if err := placement.ValidateCellName(mv.To); err != nil {
		return fmt.Errorf("%w: to: %w", ErrInvalid, err)
	}
	if mv.From == mv.To {
		return fmt.Errorf("%w: from and to are both %s", ErrInvalid, mv.To)
	}
	return nil
}

// Open says whether the state is one of a move that has not ended.
func (s MoveState) Open() bool { return s == MoveOpen || s == MoveUndoing || s == MoveFlipped }

// Ended says whether the state is one of the history.
func (s MoveState) Ended() bool { return s == MoveDone || s == MoveUndone }

func validateWeight(weight int) error {
	if weight < 1 || weight > placement.MaxWeight {
		return fmt.Errorf("%w: weight %d is not between 1 and %d", ErrInvalid, weight, placement.MaxWeight)
	}
	return nil
}

// validateID accepts what is safe in a path, a log line and a page: letters, digits and - _ . : only.
func validateID(field, id string) error {
	if id == "" || len(id) > maxIDLength {
		return fmt.Errorf("%w: %s has %d characters, not 1 to %d", ErrInvalid, field, len(id), maxIDLength)
	}
	if id[0] == '.' {
		return fmt.Errorf("%w: %s %q begins with a dot", ErrInvalid, field, id)
	}
	for _, c := range id {
		if c > unicode.MaxASCII || (!unicode.IsLetter(c) && !unicode.IsDigit(c) && !strings.ContainsRune("-_.:", c)) {
			return fmt.Errorf("%w: %s %q has a character %q", ErrInvalid, field, id, c)
		}
	}
	return nil
}

// validateAddress wants host:port with a numeric port. Whether the host may be dialled is the dialer's to judge.
func validateAddress(field, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrInvalid, field, err)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%w: %s %q: no port between 1 and 65535", ErrInvalid, field, address)
	}
	if net.ParseIP(host) == nil && !isHostName(host) {
		return fmt.Errorf("%w: %s %q: neither an IP address nor a host name", ErrInvalid, field, address)
	}
	return nil
}

// isHostName is DNS's letters, digits, hyphens and dots, and the underscore that container networks use.
func isHostName(host string) bool {
	if host == "" || len(host) > 253 {
		return false
	}
	return strings.Trim(host, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") == ""
}

package aside

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// most is how many bytes a request or an answer has at most.
const most = 64 << 10

// Serve answers requests until there are no more. It ends with an error of compute and with what is no
// request, since what follows could be as wrong.
func Serve(in io.Reader, out io.Writer, compute func(request []byte) ([]byte, error)) error {
	for {
		request, err := read(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		answer, err := compute(request)
		if err != nil {
			return err
		}
		clear(request)
		if err := write(out, answer); err != nil {
			return err
		}
		// What this one left behind would add up, since it is seldom enough for a collection.
		runtime.GC()
	}
}

// write sends a message: its length, and itself.
func write(to io.Writer, message []byte) error {
	if len(message) > most {
		return fmt.Errorf("a message has %d bytes: %d are the most", len(message), most)
	}
	_, err := to.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(message))), message...))
	return err
}

// read receives a message. io.EOF means that there are no more.
func read(from io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(from, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > most {
		return nil, fmt.Errorf("a message has %d bytes: %d are the most", n, most)
	}
	message := make([]byte, n)
	if _, err := io.ReadFull(from, message); err != nil {
		return nil, fmt.Errorf("a message is cut off: %v", err) // which is not the end of them
	}
	return message, nil
}

// Package places reads where networks are from a file of one's own: lines of network,
// latitude and longitude, in degrees, as databases of addresses are exported to.
//
//	203.0.113.0/24,19.1,72.9
package places

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
)

// Places tell where networks are. They take some 60 bytes each.
type Places map[netip.Prefix][2]float64

// Read reads a file. Its error names the line that is at fault.
func Read(name string) (Places, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, p := csv.NewReader(f), Places{}
	lines.Comment, lines.FieldsPerRecord, lines.ReuseRecord, lines.TrimLeadingSpace = '#', -1, true, true
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err) // it names the line
		}
		if err := p.add(fields); err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("%s: line %d: %w; a line is, for example, 203.0.113.0/24,19.1,72.9", name, line, err)
		}
	}
}

func (p Places) add(fields []string) error {
	if len(fields) != 3 {
		return fmt.Errorf("it has %d fields", len(fields))
	}
	network, err := netip.ParsePrefix(fields[0])
	if err != nil {
		return fmt.Errorf("%q is no network", fields[0])
	}
	var at [2]float64
	for i, most := range [2]float64{90, 180} {
		if at[i], err = strconv.ParseFloat(fields[i+1], 64); err != nil || !(at[i] >= -most && at[i] <= most) {
			return fmt.Errorf("%q is not between -%g and %g degrees", fields[i+1], most, most)
		}
	}
	p[network.Masked()] = at
	return nil
}

// Locate is for detect.Options.Locate: it tells where the smallest network is that an
// address is of.
func (p Places) Locate(a netip.Addr) (latitude, longitude float64, ok bool) {
	a = a.Unmap()
	for bits := a.BitLen(); bits >= 0; bits-- {
		if network, err := a.Prefix(bits); err == nil {
			if at, ok := p[network]; ok {
				return at[0], at[1], true
			}
		}
	}
	return 0, 0, false
}

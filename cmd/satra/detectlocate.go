package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
)

// A gazetteer tells where networks are.
type gazetteer map[netip.Prefix][2]float64

// readPlaces reads lines of network, latitude and longitude, in degrees. An empty name
// is no gazetteer.
func readPlaces(name string) (gazetteer, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines, g := csv.NewReader(f), gazetteer{}
	lines.Comment, lines.FieldsPerRecord, lines.ReuseRecord, lines.TrimLeadingSpace = '#', -1, true, true
	for {
		fields, err := lines.Read()
		if errors.Is(err, io.EOF) {
			return g, nil
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err) // it names the line
		}
		if err := g.add(fields); err != nil {
			line, _ := lines.FieldPos(0)
			return nil, fmt.Errorf("%s: line %d: %w; a line is, for example, 203.0.113.0/24,19.1,72.9", name, line, err)
		}
	}
}

func (g gazetteer) add(fields []string) error {
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
	g[network.Masked()] = at
	return nil
}

// locate tells where the smallest network is that an address is of.
func (g gazetteer) locate(a netip.Addr) (latitude, longitude float64, ok bool) {
	a = a.Unmap()
	for bits := a.BitLen(); bits >= 0; bits-- {
		if network, err := a.Prefix(bits); err == nil {
			if at, ok := g[network]; ok {
				return at[0], at[1], true
			}
		}
	}
	return 0, 0, false
}

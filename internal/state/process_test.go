package state

import "testing"

func TestProcessIsGone(t *testing.T) {
	self := thisProcess()
	if self.Boot == "" || self.Start == "" || self.Space == "" {
		t.Skip("this system does not tell")
	}
	change := func(f func(*Process)) Process { p := self; f(&p); return p }
	for name, c := range map[string]struct {
		process Process
		want    bool
	}{
		"this one":              {self, false},
		"id taken by another":   {change(func(p *Process) { p.Start = "1" }), true},
		"before the last boot":  {change(func(p *Process) { p.Boot = "other" }), true},
		"in another container":  {change(func(p *Process) { p.Space = "pid:[1]"; p.Start = "1" }), false},
		"unknown":               {Process{}, false},
		"start not told":        {change(func(p *Process) { p.Start = "" }), false},
		"no such process":       {change(func(p *Process) { p.PID = 1 << 30 }), true},
		"nothing but the space": {Process{PID: 1 << 30, Space: self.Space}, true},
	} {
		if got := c.process.gone(); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

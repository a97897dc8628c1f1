package relay

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestClocks(t *testing.T) {
	var probes []int
	for _, age := range seconds(0, 4.9, 5, 14, 15, 34, 35, 74, 75, 1e6) {
		probes = append(probes, probesWithin(age))
	}
	if diff := cmp.Diff([]int{0, 0, 1, 1, 2, 2, 3, 3, 4, 4}, probes); diff != "" {
		t.Errorf("failed probes by age (-want +got):\n%s", diff)
	}
	for d, want := range map[time.Duration]string{
		72 * time.Hour: "72 h", 90 * time.Minute: "1 h 30 min", 5 * time.Minute: "5 min", 45 * time.Second: "45 s", 200 * time.Millisecond: "200ms",
	} {
		if got := spoken(d); got != want {
			t.Errorf("%s is spoken %q, want %q", d, got, want)
		}
	}
}

func TestMemoIsBounded(t *testing.T) {
	m := newMemo[int, int](2, time.Hour)
	now := testNow
	put := func(k int) bool {
		m.put(k, k, now)
		_, ok := m.get(k)
		return ok
	}
	got := []bool{put(1), put(2), put(3)}
	now = now.Add(30 * time.Minute)
	got = append(got, put(2), put(3))
	now = now.Add(31 * time.Minute) // 1 is too old now, 2 is not
	got = append(got, put(3))
	_, one := m.get(1)
	_, two := m.get(2)
	got = append(got, one, two)
	if diff := cmp.Diff([]bool{true, true, false, true, false, true, false, true}, got); diff != "" {
		t.Errorf("remembered (-want +got):\n%s", diff)
	}
}

func TestPace(t *testing.T) {
	var p pace
	p.set(Rate{1000, time.Second})
	now := testNow
	n, _ := p.available(100, now)
	if n != 10 {
		t.Errorf("%d of 1000/s at once, want 10 ms' worth", n)
	}
	p.spend(10, now)
	if n, wait := p.available(100, now); n != 0 || wait != time.Millisecond {
		t.Errorf("%d, wait %s", n, wait)
	}
	now = now.Add(3 * time.Millisecond)
	if n, _ := p.available(100, now); n != 3 {
		t.Errorf("%d after 3 ms, want 3", n)
	}
	p.set(Rate{})
	if n, _ := p.available(100, now); n != 100 {
		t.Errorf("%d without a rate", n)
	}
}

func TestCutKeepsCharacters(t *testing.T) {
	for in, want := range map[string]string{"abc": "abc", "abcdef": "abcd", "abcä": "abc", "äää": "ää"} {
		if got := cut(in, 4); got != want {
			t.Errorf("cut(%q) = %q, want %q", in, got, want)
		}
	}
}

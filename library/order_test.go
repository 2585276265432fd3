package library

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestNamesAreInThePeoplesOrder(t *testing.T) {
	want := []string{"", "2 rooms", "10 rooms", "apples", "Bills", "bills", "bills 007", "École", "ecole b", "letter 9.txt", "Letter 10.txt", "Œuvre", "Straße", "strasse", "Zoo", "日本"}
	list := slices.Clone(want)
	slices.Sort(list)
	slices.Reverse(list)
	inOrder(list, func(s string) string { return s }, func(a, b string) int { return 0 })
	if !slices.Equal(list, want) {
		t.Errorf("%q", list)
	}
	if long := strings.Repeat("9", 300); sortKey(long) >= sortKey(long+"0") {
		t.Error("a long number comes behind a longer one")
	}
}

// Libraries and documents are listed so.
func TestListsAreInOrder(t *testing.T) {
	o := newHome(t)
	for _, name := range []string{"Zebras", "apples", "Bills"} {
		o.add(t, name, "/"+name+"/b", "words of b")
		o.add(t, name, "/"+name+"/C", "words of C")
	}
	list, err := o.l.List()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range list {
		names = append(names, x.Name)
		docs, err := o.l.Documents(x.ID)
		if err != nil || len(docs) != 2 || docs[0].Name != "b" || docs[1].Name != "C" {
			t.Errorf("%s: %+v %v", x.Name, docs, err)
		}
	}
	if !slices.Equal(names, []string{"apples", "Bills", "Zebras"}) {
		t.Errorf("%q", names)
	}
	same := []Document{{Name: "x", Added: time.Unix(2, 0)}, {Name: "x", Added: time.Unix(1, 0)}}
	if byName(same); same[0].Added.Unix() != 1 {
		t.Error("of one name the newer comes first")
	}
}

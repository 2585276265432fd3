package main

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"abaton.local/vault"
)

// TestCallsSurviveTheirWay sends through JSON what calls are given and give: a
// desk at a running serve must get what one in this process gets.
func TestCallsSurviveTheirWay(t *testing.T) {
	id, at := vault.NewID(), time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	way := vault.Way{ID: id, Kind: vault.SlotEscrow, Who: "00ff"}
	person := vault.Person{ID: "x", Name: "Åda \"x\"", Role: vault.RoleAuditor, Disabled: true, Since: "2026-11-26",
		Ways: []vault.SlotKind{vault.SlotPassphrase, vault.SlotPasskey, vault.SlotToken, vault.SlotRecovery, vault.SlotEscrow}}
	for _, in := range []any{
		&[]vault.Person{person}, &person, &accessOf{"bob", true}, &roleOf{"bob", vault.RoleMember}, &newName{"bob", "robert"},
		&invited{vault.Invitation{ID: id, Role: vault.RoleOwner, Expires: at}, "abi_x"},
		&[]vault.Invitation{{ID: id, Role: vault.RoleMember, Expires: at}},
		&tokenWish{"n", vault.ScopeAll, at}, &freshToken{vault.TokenInfo{ID: "1", Name: "n", Scope: vault.ScopeAsk, Since: "s", Expires: at}, "abt_x"},
		&[]vault.Way{way}, &passphrases{Old: []byte{0, 1}, New: []byte("\xff")}, &rotation{[]byte("a"), []byte("b")},
		&[]vault.Deed{{At: at, What: vault.DeedFailed, Way: "token", N: 3}}, &verified{3, 4},
		&vaultStatus{Person: person, Ways: []wayIn{{way, "2026-11-26"}}, Kept: []keptKind{{"x", 1, 2}}, Places: []place{{"x", "/y", 3, true}},
			Device: deviceAt{"/x", "0400", true}, Changes: 9, Head: "ff", Until: at},
	} {
		b, err := json.Marshal(in)
		if err != nil {
			t.Errorf("%T: %v", in, err)
			continue
		}
		out := reflect.New(reflect.TypeOf(in).Elem()).Interface()
		if err := json.Unmarshal(b, out); err != nil || !reflect.DeepEqual(in, out) {
			t.Errorf("%T came as %+v, %v; want %+v", in, out, err, in)
		}
	}
}

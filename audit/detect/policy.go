package detect

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/satra-sessions/satra"
)

// An Action is what is done about a finding. Each does what those before it do, too.
type Action uint8

// The actions, from the least to the most.
const (
	Record Action = iota // it is written down
	Notify               // somebody is told
	StepUp               // the session has to give a fresh proof
	Revoke               // the session ends
)

var actionNames = [...]string{"record", "notify", "step-up", "revoke"}

func (a Action) String() string { return actionNames[min(int(a), len(actionNames)-1)] }

// ParseAction returns the action of a name, as String gives it.
func ParseAction(name string) (Action, error) {
	if i := slices.Index(actionNames[:], name); i >= 0 {
		return Action(i), nil
	}
	return 0, fmt.Errorf("detect: there is no action %q; there are %s", name, strings.Join(actionNames[:], ", "))
}

// permitted is the most that a policy may do about each rule. What somebody can bring
// about without the session's secret or the account's password, against whomever they
// like, ends nobody's session and asks nobody for a proof: guessing must not lock the
// owner out. (GuessedPassword needs a sign-in with the right password.)
var permitted = map[Rule]Action{
	ReusedToken: Revoke, BrowserChanged: Revoke, TwoPlaces: Revoke,
	SystemChanged: StepUp, GuessedPassword: StepUp, ImpossibleTravel: StepUp, NewDevice: StepUp,
	GuessingAccount: Notify, GuessingNetwork: Notify, GuessingWide: Notify,
	TokenGuessing: Notify, UnknownEverywhere: Notify, ManySessions: Notify, RefusedForms: Notify, UnusualActor: Notify,
}

// Rules lists the rules, with the most that a policy may do about each.
func Rules() map[Rule]Action { return maps.Clone(permitted) }

// PolicyOptions of a [Policy]. The zero value records everything, tells somebody of
// what is strong, and does nothing else.
type PolicyOptions struct {
	// Actions are what to do about a rule's findings. What is left out is Notify for
	// a strong finding and for GuessedPassword, else Record. A finding that is not strong
	// ends no session: where the rule's action is Revoke, it is asked for a proof.
	Actions map[Rule]Action

	// Enforce carries the actions out. By default a policy is tried: it says what it
	// would do, and does no more than Record and Notify. OnStepUp is required then, and
	// OnRevoke if any action is Revoke.
	Enforce bool

	// Hooks. One that is nil is not called. OnRecord is told at the end, with what came
	// of it; a session is revoked once, and asked for a proof once a minute, however many
	// findings there are about it.
	OnRecord func(Decision)
	OnNotify func(context.Context, Decision) error
	OnStepUp func(context.Context, Decision) error
	OnRevoke func(context.Context, Decision) error
}

// twoWeak is how close together two weak findings of a session mean more than each.
const twoWeak = 30 * time.Minute

// A Decision is what a policy makes of a finding.
type Decision struct {
	Finding Finding
	Action  Action
	DryRun  bool   // it is more than is done
	Why     string // if it is not the rule's own action
	Err     error  // of what was done
}

// A Policy says what to do about findings. It is for one goroutine.
type Policy struct {
	o    PolicyOptions
	weak *memory[satra.ID, weakSeen]
	done *memory[satra.ID, acted] // the most that was done about a session
}

type weakSeen struct {
	rule Rule
	at   time.Time
}

// askAgain is how long after a proof was demanded of a session a finding demands another:
// the first may have been given meanwhile, and the session stolen once more.
const askAgain = time.Minute

// An acted remembers what was done about a session, and when it was found necessary.
type acted struct {
	action Action
	at     time.Time
}

func (a acted) covers(d Decision) bool {
	return a.action >= d.Action && (a.action == Revoke || d.Finding.At.Sub(a.at) < askAgain)
}

// NewPolicy returns a policy. Its error names every action that is not permitted for
// its rule, and every rule that there is not.
func NewPolicy(o *PolicyOptions) (*Policy, error) {
	if o == nil {
		o = &PolicyOptions{}
	}
	var errs []error
	for _, rule := range slices.Sorted(maps.Keys(o.Actions)) {
		most, ok := permitted[rule]
		switch action := o.Actions[rule]; {
		case !ok:
			errs = append(errs, fmt.Errorf("detect: there is no rule %q", rule))
		case action > most:
			errs = append(errs, fmt.Errorf("detect: %s may %s at most, and not %s: anybody could bring it about against anybody", rule, most, action))
		}
	}
	if o.Enforce && (o.OnStepUp == nil || o.OnRevoke == nil && slices.Contains(slices.Collect(maps.Values(o.Actions)), Revoke)) {
		errs = append(errs, errors.New("detect: Enforce without OnStepUp, or without OnRevoke where an action is to revoke: nothing would be done"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Policy{o: *o, weak: newMemory[satra.ID, weakSeen](10_000), done: newMemory[satra.ID, acted](10_000)}, nil
}

// Decide says what is to be done, and does nothing.
func (p *Policy) Decide(f Finding) Decision {
	d := Decision{Finding: f}
	action, given := p.o.Actions[f.Rule]
	switch {
	case given:
		d.Action = action
	case f.Strength == Strong, f.Rule == GuessedPassword: // two weak signs have met in it already
		d.Action = Notify
	}
	if f.Strength != Strong && d.Action > StepUp {
		d.Action, d.Why = StepUp, "by itself it is not enough to "+Revoke.String()
	}
	if pairs(f) {
		w := p.weak.of(f.Session)
		if w.rule != "" && w.rule != f.Rule && f.At.Sub(w.at).Abs() <= twoWeak && d.Action < StepUp {
			d.Action, d.Why = StepUp, fmt.Sprintf("together with %s %s before", w.rule, spell(f.At.Sub(w.at)))
		}
		*w = weakSeen{f.Rule, f.At}
	}
	if f.Session.IsZero() {
		d.Action = min(d.Action, Notify) // there is nothing to end
	}
	d.DryRun = d.Action > Notify && !p.o.Enforce
	return d
}

// pairs reports whether a finding may mean more together with another. What needs a
// stranger's guessing does not: with a new device, it would be the stranger who had the
// owner asked for a proof.
func pairs(f Finding) bool {
	return f.Strength == Weak && !f.Session.IsZero() && f.Rule != GuessedPassword && permitted[f.Rule] >= StepUp
}

// Apply decides and does it. An action that fails does not keep the others from being
// tried.
func (p *Policy) Apply(ctx context.Context, f Finding) (Decision, error) {
	d := p.Decide(f)
	var errs []error
	do := func(action Action, hook func(context.Context, Decision) error) bool {
		err := hook(ctx, d)
		if err != nil {
			errs = append(errs, fmt.Errorf("detect: %s after %s: %w", action, f.Rule, err))
		}
		return err == nil
	}
	if d.Action >= Notify && p.o.OnNotify != nil {
		do(Notify, p.o.OnNotify)
	}
	if d.Action > Notify && !d.DryRun {
		hook := p.o.OnStepUp
		if d.Action == Revoke {
			hook = p.o.OnRevoke
		}
		if last := p.done.of(f.Session); !last.covers(d) && do(d.Action, hook) {
			*last = acted{d.Action, f.At} // what failed is tried again at the next finding
		}
	}
	d.Err = errors.Join(errs...)
	if p.o.OnRecord != nil {
		p.o.OnRecord(d)
	}
	return d, d.Err
}

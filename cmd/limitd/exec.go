package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/limitd/limitd/client"
	"github.com/limitd/limitd/cmd/limitd/child"
	"github.com/limitd/limitd/transport/wire"
	"github.com/urfave/cli/v2"
)

const execHelp = `limitd exec db -- pg_dump shop
limitd exec db:2 gpu --wait 10m --ttl 30s -- ./train --epochs 3
limitd exec --rate-limit mails -- sendmail root

` + slotsHelp + ` Waits its turn, says on stderr what
for and who holds that, runs the command, and gives the slots back when it and all that is left of its
process group have ended. If the lease can be renewed no more, or somebody released it, the command and
its group are ended before anybody else gets the slots: SIGTERM, --grace later SIGKILL. They are killed
as well where limitd exec itself is killed or stopped.

The command gets every signal that limitd exec gets, the terminal, and in its environment LIMITD_LEASE_ID,
LIMITD_FENCING_TOKEN (hand it to what the slots protect, which refuses lower ones) and, of numbered
limits, LIMITD_SLOT_ORDINALS: "0,3", or "gpu=0,3 port=1" where there are several.

Exit code: the command's; 128 + the signal that ended it, or ended the wait; 126 or 127 if it cannot be
run. 101 to 108 are those of limitd itself, 1 to 8, plus 100: 104 no slot, 105 timed out, 108 lease lost.`

func execCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "exec", Usage: "run a command while holding slots", ArgsUsage: "NAME[:N]... -- COMMAND [ARGUMENT]...",
		Description: execHelp,
		Flags: slices.Concat([]cli.Flag{
			rateFlag(),
			&cli.DurationFlag{Name: "wait", Usage: "how long to wait for the slots; 0s: not at all", DefaultText: "as long as it takes"},
			&cli.DurationFlag{Name: "ttl", Usage: "how long the lease lasts without a renewal; it is renewed each third of it", DefaultText: "the cluster's, 60s"},
			&cli.DurationFlag{Name: "grace", Usage: "how long the command has between SIGTERM and SIGKILL; at most half the TTL", DefaultText: "10s, at most a sixth of the TTL"},
			&cli.StringFlag{Name: "missing", Value: wire.MissingError, Usage: "about limits that do not exist: `error`, skip, or create them, which limits nothing yet"},
			&cli.StringFlag{Name: "owner", Usage: "who holders and queue show: `NAME`", DefaultText: "the command's"},
			&cli.StringSliceFlag{Name: "meta", Usage: "more about the owner, `KEY=VALUE`; may be repeated"},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing but errors"},
		}, nodeFlags(), []cli.Flag{
			&cli.DurationFlag{Name: "timeout", Value: 30 * time.Second, Usage: "how long to go on while no node answers, or there is no leader"},
		}),
		OnUsageError: func(c *cli.Context, err error, sub bool) error { return ownFailure(usageError(c, err, sub)) },
		Action: func(c *cli.Context) error {
			code, err := runExec(c, w)
			switch {
			case err != nil:
				return ownFailure(err)
			case code != 0:
				return silent(code)
			}
			return nil
		},
	}
}

// ownFailure tells a failure of exec from one of the command that it runs.
func ownFailure(err error) error {
	own := failure{code: exitError, text: err.Error()}
	if f := (*failure)(nil); errors.As(err, &f) {
		own = *f
	}
	own.code += exitOfExec
	return &own
}

// execution is one exec command.
type execution struct {
	client  *client.Client
	api     *api // for what is said about a wait
	request client.Request
	entries []wire.Entry
	asked   string   // the limits, as the command line names them
	args    []string // of the command
	grace   time.Duration
	timeout time.Duration // while no node answers
	signals *child.Signals
	say     func(line string)
}

// runExec returns the exit code of the command.
func runExec(c *cli.Context, w world) (code int, err error) {
	x, err := newExecution(c, w)
	if err != nil {
		return 0, err
	}
	if code := x.findCommand(w); code != 0 {
		return code, nil
	}
	given := clientConfig(c, w)
	if err := checkBases(given.Addresses); err != nil {
		return 0, err
	}
	given.Hold, given.GiveUp = 3*time.Second, x.timeout
	x.client, err = client.New(given)
	if err != nil {
		return 0, clientFailure(err)
	}
	defer x.client.Close()
	x.signals = child.Catch()
	defer x.signals.Stop()
	lease, code, err := x.acquire(c.Context)
	if lease == nil {
		return code, err
	}
	defer x.release(lease)
	return x.run(lease)
}

// findCommand looks for the program before anything is waited for, and returns
// a shell's exit code where it cannot be run.
func (x *execution) findCommand(w world) (code int) {
	_, err := exec.LookPath(x.args[0])
	if err == nil {
		return 0
	}
	code = 126
	if errors.Is(err, exec.ErrNotFound) || errors.Is(err, errNoFile) {
		code = 127
	}
	return report(w.stderr, failf(code, "%v", err))
}

// acquire waits for the slots. Without a lease there is an exit code or an error.
func (x *execution) acquire(ctx context.Context) (lease *client.Lease, code int, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	waits := newWaitReport(x)
	x.request.OnWait = waits.note
	var aside sync.WaitGroup
	aside.Go(func() { waits.run(ctx) })
	aside.Go(func() {
		if code = x.signals.Ending(ctx); code != 0 {
			cancel()
		}
	})
	lease, err = x.client.Acquire(ctx, x.request)
	cancel()
	aside.Wait()
	switch {
	case code != 0 && lease != nil:
		x.release(lease)
		return nil, code, nil
	case code != 0:
		return nil, code, nil
	case err != nil:
		return nil, 0, x.refusal(err)
	}
	if lease.Waited() > 0 && waits.said() {
		x.say("got " + grantText(lease.Limits()) + " after " + spanText(lease.Waited()))
	}
	switch {
	case len(lease.Limits()) == 0:
		x.say("nothing limits the command: there is no limit " + x.asked)
	case lease.Unlimited():
		x.say("nothing limits the command: " + grantText(lease.Limits()) + " is not counted now")
	}
	return lease, 0, nil
}

// run runs the command while the lease lasts.
func (x *execution) run(lease *client.Lease) (code int, err error) {
	l := newLeash(lease, x.grace, x.say)
	outcome, err := child.Run(child.Command{
		Args: x.args, Guard: guardArgs(), Env: leaseEnvironment(lease), Signals: x.signals, Left: l.left, Grace: l.grace, Margin: l.margin, Say: x.say,
	})
	switch {
	case err != nil:
		return 0, failf(exitError, "run %s: %v", x.args[0], err)
	case outcome.Ended:
		return 0, failf(exitLeaseLost, "the lease was lost, and the command ended: %s", l.why())
	}
	return outcome.Code, nil
}

// guardCommand is the second process of an exec, which nobody else calls.
func guardCommand(w world) *cli.Command {
	return &cli.Command{
		Name: "__guard", Hidden: true, SkipFlagParsing: true,
		Action: func(*cli.Context) error { return child.Guard(w.stdin) },
	}
}

// guardArgs start it: this binary again.
func guardArgs() []string {
	own, err := os.Executable()
	if err != nil {
		return nil
	}
	return []string{own, "__guard"}
}

// release gives the slots back, where they are not lost already.
func (x *execution) release(lease *client.Lease) {
	if lease.Err() != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), min(2*time.Second, lease.Left()))
	defer cancel()
	if err := lease.Release(ctx); err != nil {
		x.say(fmt.Sprintf("the slots could not be given back; the lease ends by itself, within %s", spanText(lease.TTL())))
	}
}

// refusal is why there are no slots, with the mend on this command line.
func (x *execution) refusal(err error) error {
	f := clientFailure(err)
	switch {
	case errors.Is(err, client.ErrUnreachable):
		f.hint = x.whyNobody()
	case errors.Is(err, client.ErrLimitNotFound):
		f.hint = cmp.Or(colonHint(context.Background(), x.api, x.entries), f.hint)
	case errors.Is(err, client.ErrDenied):
		f.hint = fmt.Sprintf("Without --wait 0s it would wait; 'limitd explain %s' tells who holds them.", x.asked)
	case errors.Is(err, client.ErrTimeout):
		f.hint = fmt.Sprintf("'limitd explain %s' tells who holds them; --wait says how long to wait.", x.asked)
	}
	return f
}

// whyNobody says what to do where no node answers, by asking once more, for the
// client tells the last fault as a text alone.
func (x *execution) whyNobody() string {
	quick := *x.api
	quick.timeout = time.Second
	_, err := quick.call(context.Background(), http.MethodGet, "/v1/version", nil)
	if f := (*failure)(nil); errors.As(err, &f) && f.code == exitNoLeader {
		return f.hint
	}
	return hintNoNode
}

// clientFailure makes a failure of what the client library says.
func clientFailure(err error) *failure {
	var e *client.Error
	if !errors.As(err, &e) {
		return failf(exitError, "%v", err)
	}
	f := problemFailure(&wire.Problem{Code: e.Code, Detail: e.Detail, Hint: e.Hint, Errors: e.Fields})
	if e.Code == client.ErrUnreachable {
		f.hint = unreachableHint(err)
	}
	return f
}

// The peer of the history checker: Porcupine with a model of one order book.
//
// Reads the key-value log format of Porcupine's own tests, of which it uses four fields:
//
//	{:process 3, :type :invoke, :f :submit, :key "ABC", :value "17 buy 5 100 gtc"}
//	{:process 3, :type :ok, :f :submit, :key "ABC", :value "A;T 100 5 12"}
//
// and prints `Ok`, `Illegal` or `Unknown`, the CPU seconds of the check, and the number of operations. Every symbol is
// a partition of its own, as Porcupine's documentation advises.
//
// Built by `bookproof bench histories` with a Go tool chain and a checkout of github.com/anishathalye/porcupine.
package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/anishathalye/porcupine"
)

type order struct {
	id, price, quantity int
}

// A side stands with its best order first. States are never changed: a step copies the side that it changes.
type book struct {
	bids, asks []order
}

type input struct {
	symbol string
	cancel bool
	id     int
	buys   bool
	// quantity is of a new order; a market order has no price
	quantity, price int
	market          bool
	terms           string // gtc, ioc, fok or post-only
}

func equal(a, b []order) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func crosses(o input, price int) bool {
	return o.market || (o.buys && price <= o.price) || (!o.buys && price >= o.price)
}

func step(now book, in input) (book, string) {
	if in.cancel {
		for i, o := range now.bids {
			if o.id == in.id {
				return book{without(now.bids, i), now.asks}, fmt.Sprintf("C %d requested", o.quantity)
			}
		}
		for i, o := range now.asks {
			if o.id == in.id {
				return book{now.bids, without(now.asks, i)}, fmt.Sprintf("C %d requested", o.quantity)
			}
		}
		return now, "R unknown-order"
	}
	own, other := now.bids, now.asks
	if !in.buys {
		own, other = other, own
	}
	if in.market && len(other) == 0 {
		return now, "R no-liquidity"
	}
	if in.terms == "post-only" && len(other) > 0 && crosses(in, other[0].price) {
		return now, "R would-take"
	}
	said := []string{"A"}
	left, taken := in.quantity, 0
	for taken < len(other) && left > 0 && crosses(in, other[taken].price) {
		maker := other[taken]
		quantity := maker.quantity
		if left < quantity {
			quantity = left
		}
		said = append(said, fmt.Sprintf("T %d %d %d", maker.price, quantity, maker.id))
		left -= quantity
		if quantity < maker.quantity {
			rest := append([]order{{maker.id, maker.price, maker.quantity - quantity}}, other[taken+1:]...)
			other, taken = rest, 0
			break
		}
		taken++
	}
	if in.terms == "fok" && left > 0 {
		return now, fmt.Sprintf("A;C %d killed", in.quantity)
	}
	other = other[taken:]
	if left > 0 {
		switch {
		case in.market:
			said = append(said, fmt.Sprintf("C %d market", left))
		case in.terms == "ioc":
			said = append(said, fmt.Sprintf("C %d immediate", left))
		default:
			at := sort.Search(len(own), func(i int) bool {
				return (in.buys && own[i].price < in.price) || (!in.buys && own[i].price > in.price)
			})
			grown := make([]order, 0, len(own)+1)
			grown = append(append(append(grown, own[:at]...), order{in.id, in.price, left}), own[at:]...)
			own = grown
		}
	}
	if in.buys {
		return book{own, other}, strings.Join(said, ";")
	}
	return book{other, own}, strings.Join(said, ";")
}

func without(side []order, at int) []order {
	rest := make([]order, 0, len(side)-1)
	return append(append(rest, side[:at]...), side[at+1:]...)
}

var model = porcupine.Model{
	PartitionEvent: func(history []porcupine.Event) [][]porcupine.Event {
		of := map[int]string{}
		parts := map[string][]porcupine.Event{}
		var symbols []string
		for _, event := range history {
			if event.Kind == porcupine.CallEvent {
				of[event.Id] = event.Value.(input).symbol
			}
			symbol := of[event.Id]
			if _, known := parts[symbol]; !known {
				symbols = append(symbols, symbol)
			}
			parts[symbol] = append(parts[symbol], event)
		}
		var all [][]porcupine.Event
		for _, symbol := range symbols {
			all = append(all, parts[symbol])
		}
		return all
	},
	Init: func() interface{} { return book{} },
	Step: func(state, in, out interface{}) (bool, interface{}) {
		after, said := step(state.(book), in.(input))
		return said == out.(string), after
	},
	Equal: func(a, b interface{}) bool {
		one, two := a.(book), b.(book)
		return equal(one.bids, two.bids) && equal(one.asks, two.asks)
	},
	Hash: func(state interface{}) uint64 {
		now := state.(book)
		sum := uint64(14695981039346656037) // FNV-1a over words
		for _, side := range [][]order{now.bids, now.asks} {
			for _, o := range side {
				for _, word := range []int{o.id, o.price, o.quantity} {
					sum = (sum ^ uint64(word)) * 1099511628211
				}
			}
			sum = (sum ^ uint64(len(side))) * 1099511628211
		}
		return sum
	},
}

var line = regexp.MustCompile(`^\{:process (\d+), :type :(invoke|ok), :f :(submit|cancel), :key "([^"]*)", :value "([^"]*)"\}$`)

func number(text string) int {
	value, err := strconv.Atoi(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	return value
}

func main() {
	timeout := time.Duration(number(os.Args[2])) * time.Second
	file, err := os.Open(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	running := map[int]int{} // the operation of each process
	var events []porcupine.Event
	operations := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 1<<20), 1<<20)
	for lines.Scan() {
		found := line.FindStringSubmatch(lines.Text())
		if found == nil {
			fmt.Fprintln(os.Stderr, "not an event:", lines.Text())
			os.Exit(2)
		}
		process := number(found[1])
		if found[2] == "ok" {
			events = append(events, porcupine.Event{
				ClientId: process, Kind: porcupine.ReturnEvent, Value: found[5], Id: running[process],
			})
			continue
		}
		in := input{symbol: found[4], cancel: found[3] == "cancel"}
		fields := strings.Fields(found[5])
		in.id = number(fields[0])
		if !in.cancel {
			in.buys, in.quantity, in.terms = fields[1] == "buy", number(fields[2]), fields[4]
			if in.market = fields[3] == "market"; !in.market {
				in.price = number(fields[3])
			}
		}
		running[process] = operations
		events = append(events, porcupine.Event{ClientId: process, Kind: porcupine.CallEvent, Value: in, Id: operations})
		operations++
	}
	before := used()
	result := porcupine.CheckEventsTimeout(model, events, timeout)
	fmt.Printf("%s %.3f %d\n", result, used()-before, operations)
}

// used is the CPU time of the process in seconds, on all cores.
func used() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		panic(err)
	}
	return float64(usage.Utime.Nano()+usage.Stime.Nano()) / 1e9
}

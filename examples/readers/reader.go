// Reads bookproof's vectors and asks an exchange: go run reader.go bookproof-vectors/vectors.txt
package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// carryOut is where your exchange goes: a command's fields in, its events out. This one takes every order and never trades.
func carryOut(command map[string]string) []string {
	if command["do"] != "submit" {
		return nil
	}
	said := "event say=accepted"
	for _, key := range []string{"symbol", "order_id", "side", "price", "quantity"} {
		said += " " + key + "=" + command[key]
	}
	return []string{said}
}

func main() {
	file, err := os.Open(os.Args[1])
	if err != nil {
		panic(err)
	}
	count, fine, all := map[string]int{}, 0, true
	var said []string
	sum, lines := uint64(0xcbf29ce484222325), bufio.NewScanner(file)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		line := lines.Text()
		words := strings.Split(line, " ")
		count[words[0]]++
		if (words[0] == "scenario" && count["scenario"] > 1) || words[0] == "end" { // the one before is over
			if all && len(said) == 0 {
				fine++
			}
			all, said = true, nil // a new exchange begins here
		}
		switch words[0] {
		case "command":
			all = all && len(said) == 0
			fields := map[string]string{}
			for _, word := range words[1:] {
				key, value, _ := strings.Cut(word, "=")
				fields[key] = value
			}
			said = carryOut(fields)
		case "event":
			if all = all && len(said) > 0 && said[0] == line; all {
				said = said[1:]
			}
		case "end":
			if line != fmt.Sprintf("end checksum=%016x", sum) {
				panic("the file was changed")
			}
		}
		for _, byte := range []byte(line + "\n") {
			sum = (sum ^ uint64(byte)) * 0x100000001b3
		}
	}
	fmt.Println(count["scenario"], count["command"], count["event"], count["view"], fine)
}

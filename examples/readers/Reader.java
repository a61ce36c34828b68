// Reads bookproof's vectors and asks an exchange: java Reader.java bookproof-vectors/vectors.txt
import java.nio.file.*;
import java.util.*;

class Reader {
    /** Where your exchange goes: a command's fields in, its events out. This one takes every order and never trades. */
    static Deque<String> carryOut(Map<String, String> command) {
        if (!"submit".equals(command.get("do"))) return new ArrayDeque<>();
        var said = new StringBuilder("event say=accepted");
        for (var key : List.of("symbol", "order_id", "side", "price", "quantity"))
            said.append(" ").append(key).append("=").append(command.getOrDefault(key, ""));
        return new ArrayDeque<>(List.of(said.toString()));
    }

    public static void main(String[] given) throws Exception {
        var count = new HashMap<String, Integer>();
        Deque<String> said = new ArrayDeque<>();
        long sum = 0xcbf29ce484222325L;
        int fine = 0;
        boolean all = true;
        for (var line : Files.readAllLines(Path.of(given[0]))) {
            var words = line.split(" ");
            if ((words[0].equals("scenario") && count.containsKey("scenario")) || words[0].equals("end")) {
                if (all && said.isEmpty()) fine++; // the one before is over
                all = true;
                said.clear(); // a new exchange begins here
            }
            count.merge(words[0], 1, Integer::sum);
            if (words[0].equals("command")) {
                var fields = new HashMap<String, String>();
                for (var word : words)
                    if (word.contains("=")) fields.put(word.substring(0, word.indexOf('=')), word.substring(word.indexOf('=') + 1));
                all &= said.isEmpty();
                said = carryOut(fields);
            } else if (words[0].equals("event")) {
                all &= line.equals(said.poll());
            } else if (words[0].equals("end") && !line.equals(String.format("end checksum=%016x", sum))) {
                throw new IllegalStateException("the file was changed");
            }
            for (var one : (line + "\n").getBytes()) sum = (sum ^ one) * 0x100000001b3L;
        }
        System.out.printf("%d %d %d %d %d%n", count.get("scenario"), count.get("command"), count.get("event"), count.get("view"), fine);
    }
}

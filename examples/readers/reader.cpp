// Reads bookproof's vectors and asks an exchange: c++ -O2 -std=c++17 reader.cpp -o reader && ./reader vectors.txt
#include <cstdio>
#include <deque>
#include <fstream>
#include <iostream>
#include <map>
#include <sstream>
using std::string;

// Where your exchange goes: a command's fields in, its events out. This one takes every order and never trades.
std::deque<string> carry_out(std::map<string, string> command) {
    if (command["do"] != "submit") return {};
    string said = "event say=accepted";
    for (string key : {"symbol", "order_id", "side", "price", "quantity"}) said += " " + key + "=" + command[key];
    return {said};
}

int main(int, char** given) {
    std::ifstream file(given[1]);
    std::map<string, int> count;
    std::deque<string> said;
    unsigned long long sum = 0xcbf29ce484222325;
    int fine = 0;
    bool all = true;
    for (string line, word, field; std::getline(file, line);) {
        std::istringstream words(line);
        words >> word;
        if ((word == "scenario" && count[word] > 0) || word == "end") {
            fine += all && said.empty();  // the one before is over
            all = true, said.clear();     // a new exchange begins here
        }
        ++count[word];
        if (word == "command") {
            std::map<string, string> fields;
            while (words >> field) fields[field.substr(0, field.find('='))] = field.substr(field.find('=') + 1);
            all = all && said.empty();
            said = carry_out(fields);
        } else if (word == "event") {
            all = all && !said.empty() && said.front() == line;
            if (!said.empty()) said.pop_front();
        } else if (word == "end") {
            char end[40];
            std::snprintf(end, sizeof end, "end checksum=%016llx", sum);
            if (line != end) return std::cerr << "the file was changed\n", 1;
        }
        for (unsigned char byte : line + "\n") sum = (sum ^ byte) * 0x100000001b3;
    }
    std::cout << count["scenario"] << ' ' << count["command"] << ' ' << count["event"] << ' ' << count["view"] << ' ' << fine << '\n';
}

package mounting

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// mountsAt counts the mounts on a path in this process's mount table.
func mountsAt(path string) (int, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return 0, err
	}
	defer file.Close()
	count := 0
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if fields := strings.Fields(lines.Text()); len(fields) > 4 && unescape(fields[4]) == path {
			count++
		}
	}
	return count, lines.Err()
}

// unescape turns the kernel's \040 and the like back into characters.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var result strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if code, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				result.WriteByte(byte(code))
				i += 3
				continue
			}
		}
		result.WriteByte(text[i])
	}
	return result.String()
}

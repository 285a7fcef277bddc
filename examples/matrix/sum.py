import sys

with open(sys.argv[1]) as numbers:
    print(sum(int(line) for line in numbers))

"""Learning the odds.

The coder needs probabilities, and nobody writes them down. Writer and reader both count what has passed, and
so know the same. Everything is said in decisions between 0 and 1. Each kind of decision has a place where its
zeros and ones are counted. After a₀ zeros and a₁ ones one expects

    odds of a one = (a₁ + ½) / (a₀ + ½)        [Krichevsky and Trofimov 1981]

1 : 1 at first; and 0 never becomes impossible, however many ones there were. If two places A and B could
tell, one takes the mean of both logarithms of odds, hence the root of the product; the surer one counts for
more. In whole numbers, so that writer and reader agree to the last bit:

    u = ⌊√(256·(2a₁ + 1)·(2b₁ + 1))⌋        v = ⌊√(256·(2a₀ + 1)·(2b₀ + 1))⌋
    a one owns the first ⌊4096·u / (u + v)⌋ of 4096 slots, at least 1 and at most 4095; a zero all others

With one place only, B is A. The reader then looks at who owns the slot x mod 4096, removes the decision from
x, fills x, and counts what it has read, after it was read: the writer, too, did not know it before.

That is all the reader of a `.tz` file does, thousands of times: weights are such decisions in many places.
"""

from math import isqrt

from tinyzip.learn.earlier import fill, remove

Counts = tuple[int, int] | list[int]  # how many zeros and how many ones


def chance(a: Counts, b: Counts) -> int:
    """How many of the 4096 slots a one owns, 1 to 4095, by two places (a₀, a₁) and (b₀, b₁)."""
    u = isqrt(256 * (2 * a[1] + 1) * (2 * b[1] + 1))
    v = isqrt(256 * (2 * a[0] + 1) * (2 * b[0] + 1))
    return min(max(4096 * u // (u + v), 1), 4095)


def decide(x: int, a: Counts, b: Counts) -> tuple[int, int]:
    """The decision, 0 or 1, that x says by places a and b, and x without it. Nothing is filled or counted."""
    one = chance(a, b)
    if x % 4096 < one:
        return 1, remove(x, 0, one, 12)
    return 0, remove(x, one, 4096 - one, 12)


def read_bits(message: bytes, count: int) -> list[int]:
    """The first `count` decisions of a message in which all are of one place."""
    x, read = fill(0, message, 0)
    place, bits = [0, 0], []
    for _ in range(count):
        bit, x = decide(x, place, place)
        x, read = fill(x, message, read)
        place[bit] += 1
        bits.append(bit)
    return bits


if __name__ == "__main__":
    from tinyzip.learn.earlier import encode

    text = "0001000000010000000000000000001000000000000001000000000001000000"
    place, steps = [0, 0], []
    for bit in map(int, text):
        one = chance(place, place)
        steps.append((0, one, 12) if bit else (one, 4096 - one, 12))
        place[bit] += 1
    message = bytes(encode(steps))
    print(f"{len(text)} decisions, {place[1]} of them ones, in {len(message)} bytes: {message.hex(' ')}")
    print("what is read:", "".join(map(str, read_bits(message, len(text)))))
    print("after (0, 0), (3, 1), (60, 4), (5000, 0), one in how many is a one:", end=" ")
    print([round(4096 / chance(a, a), 1) for a in ((0, 0), (3, 1), (60, 4), (5000, 0))])

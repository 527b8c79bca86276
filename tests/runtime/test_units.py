from raycluster.runtime.units import count, duration, size, stopwatch, time_left


def test_durations_are_said_as_people_say_them():
    said = [duration(seconds) for seconds in (0.44, 9.94, 9.96, 59.4, 59.6, 200, 3599.6, 7500)]
    assert said == ["0.4 s", "9.9 s", "10 s", "59 s", "1 min 00 s", "3 min 20 s", "1 h 00 min", "2 h 05 min"]


def test_the_time_left_is_said_as_coarsely_as_it_is_known():
    said = [time_left(seconds) for seconds in (3.4, 59.4, 59.6, 100, 3599, 7500)]
    expected = ["3 s", "59 s", "1 min", "2 min", "1 h 00 min", "2 h 05 min"]
    assert said == [f"about {time} left" for time in expected]


def test_a_stopwatch_counts_whole_seconds():
    assert [stopwatch(seconds) for seconds in (0.9, 67, 3599.9, 3729)] == ["0:00", "1:07", "59:59", "1:02:09"]


def test_sizes_are_said_as_people_say_them():
    assert [size(n) for n in (0, 784, 33_600_000, 4.3e9, 2e15)] == ["0 B", "784 B", "33.6 MB", "4.3 GB", "2000.0 TB"]


def test_nouns_follow_their_numbers():
    assert [count(1, "worker"), count(0, "worker"), count(1797, "image")] == ["1 worker", "0 workers", "1,797 images"]

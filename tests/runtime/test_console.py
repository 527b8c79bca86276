import io
import sys
import time
from types import SimpleNamespace

import pytest

from raycluster.runtime.console import LOG_S, STILL_S, Console


@pytest.fixture
def clock(monkeypatch):
    """The time that the console sees, which stands still."""
    now = [1000.0]
    monkeypatch.setattr("raycluster.runtime.console.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def wait_for(condition):
    for _ in range(100):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within five seconds")


def test_on_a_terminal_a_stage_has_one_line_that_is_rewritten_and_stays_as_it_was_last(terminal):
    with Console(stream=terminal.stream) as console:
        console.progress("training")
        for epoch in range(1, 4):
            console.progress("training", f"epoch {epoch}/3")
            wait_for(lambda epoch=epoch: f"epoch {epoch}/3" in terminal.screen()[-1])
            assert len(terminal.screen()) == 1
            assert terminal.cursor_is_hidden
        console.progress("writing")
        wait_for(lambda: terminal.screen()[-1].endswith("0:00  writing"))
    assert [line.split("  ")[0] for line in terminal.screen()] == ["epoch 3/3", "writing"]
    assert not terminal.cursor_is_hidden


def test_on_a_terminal_the_live_line_shows_that_time_passes_while_nothing_is_reported(terminal):
    with Console(stream=terminal.stream) as console:
        console.progress("merging clusters")
        wait_for(lambda: "0:01  merging clusters" in terminal.screen()[0])


def test_a_line_that_lasts_takes_the_place_of_the_state(terminal):
    with Console(stream=terminal.stream) as console:
        console.progress("training", "epoch 20/20")
        console.say("period 1 done")
        wait_for(lambda: terminal.screen()[-1].endswith("0:00  training"))
        assert terminal.screen()[0] == "period 1 done"
    assert terminal.screen() == ["period 1 done"]


def test_a_long_line_is_left_to_the_terminal_to_wrap(terminal):
    path = "/folder" * 50
    with Console(stream=terminal.stream) as console:
        console.say(path)
    assert terminal.screen() == [path]


def test_a_warning_on_the_same_terminal_makes_the_live_line_move_down(terminal):
    with Console(stream=terminal.stream, errors=terminal.stream) as console:
        console.progress("training", "epoch 1/2")
        console.warn("the embedding has collapsed")
        wait_for(lambda: "epoch 1/2" in terminal.screen()[-1])
        assert terminal.screen()[0] == "warning: the embedding has collapsed"
    assert terminal.screen()[1].startswith("epoch 1/2")


def test_the_live_line_is_closed_when_an_error_or_an_interruption_comes(terminal):
    def break_off(error):
        with Console(stream=terminal.stream) as console:
            console.progress("training", "epoch 1/2")
            raise error

    for error in (ValueError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            break_off(error)
        assert terminal.screen()[-1].startswith("epoch 1/2")
        assert not terminal.cursor_is_hidden


@pytest.mark.parametrize("setting", [("TERM", "dumb"), ("FORCE_COLOR", "1")])
def test_a_dumb_terminal_and_a_pipe_get_plain_lines(setting, terminal, monkeypatch):
    monkeypatch.setenv(*setting)
    stream = terminal.stream if setting[0] == "TERM" else io.StringIO()
    with Console(stream=stream) as console:
        console.progress("starting Ray")
        console.progress("training", "epoch 1/2")
    written = terminal.screen() if setting[0] == "TERM" else stream.getvalue().splitlines()
    assert written[:2] == ["starting Ray", "epoch 1/2"]
    assert "\x1b" not in terminal.raw


def test_in_a_log_there_is_a_line_every_few_seconds_and_the_last_state(clock):
    log = io.StringIO()
    with Console(stream=log) as console:
        console.progress("training", "epoch 1/100")
        for epoch in range(2, 100):
            clock[0] += LOG_S / 4
            console.progress("training", f"epoch {epoch}/100")
        console.progress("writing results")
    lines = log.getvalue().splitlines()
    assert lines[0] == "epoch 1/100"
    assert lines[1:-2] == [f"epoch {epoch}/100" for epoch in range(5, 100, 4)]
    assert lines[-2:] == ["epoch 99/100  4 min 05 s", "writing results"]


def test_in_a_log_a_line_that_lasts_takes_the_place_of_the_state(clock):
    log = io.StringIO()
    with Console(stream=log) as console:
        console.progress("training", "epoch 1/2")
        console.progress("training", "epoch 2/2")
        console.say("period 1 done")
    assert log.getvalue().splitlines() == ["epoch 1/2", "period 1 done"]


def test_in_a_log_a_stage_without_news_is_shown_to_be_alive_now_and_then(clock):
    log = io.StringIO()
    console = Console(stream=log)
    for _ in range(int(2.5 * STILL_S)):
        console.progress("merging clusters")
        clock[0] += 1
    assert log.getvalue().splitlines() == [
        "merging clusters",
        "merging clusters  (1 min 00 s so far)",
        "merging clusters  (2 min 00 s so far)",
    ]


def test_quiet_leaves_nothing_but_warnings_on_the_standard_error(capsys):
    with Console(quiet=True) as console:
        console.progress("training", "epoch 1/2")
        console.say("period 1 done")
        console.warn("the embedding has collapsed")
    assert capsys.readouterr() == ("", "warning: the embedding has collapsed\n")


def test_lines_go_to_the_standard_output_at_once_and_warnings_to_the_standard_error(capsys):
    console = Console()
    console.say("[bold]a folder[/bold] :smile:")  # no markup
    assert capsys.readouterr() == ("[bold]a folder[/bold] :smile:\n", "")
    console.warn("look")
    assert capsys.readouterr() == ("", "warning: look\n")


def test_other_prints_do_not_break_the_live_line(terminal, monkeypatch):
    monkeypatch.setattr(sys, "stdout", terminal.stream)
    with Console() as console:
        console.progress("training", "epoch 1/2")
        print("a library speaks")
        wait_for(lambda: "epoch 1/2" in terminal.screen()[-1])
        assert terminal.screen()[0] == "a library speaks"
    assert sys.stdout is terminal.stream


def test_it_may_be_entered_again(terminal):
    console = Console(stream=terminal.stream)
    with console, console:
        console.progress("trials", "1 done")
    with console:
        console.progress("trials", "2 done")
    assert [line.split("  ")[0] for line in terminal.screen()] == ["1 done", "2 done"]

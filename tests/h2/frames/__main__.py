"""Plays frames of HTTP/2 to a server by prior knowledge and compares what comes with what must.

One line for each case that goes otherwise, then a summary; the exit code is 1 if there was any.
"""

import argparse
import fnmatch
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import abuse
import expect
import known
import rfc7541
import rfc9218
import s3_starting
import s4_frames
import s5_states
import s5_streams
import s6_types
import s6_windows
import s8_messages
import s8_requests
import stalls

MODULES = (
    s3_starting, s4_frames, s5_states, s5_streams, s6_types, s6_windows, s8_messages,
    s8_requests, rfc7541, rfc9218, abuse, stalls,
)

# Connections at a time, and floods at a time.
JOBS = {"conformance": 16, "abuse": 3, "stalls": 40}


def cases():
    found = [case for module in MODULES for case in module.CASES]
    names = [case.name for case in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"names given twice: {twice}")
    for number, case in enumerate(found, 1):
        case.number = number
    return found


def arguments():
    parser = argparse.ArgumentParser(prog="frames", description=__doc__)
    parser.add_argument("address", nargs="?", metavar="HOST:PORT", help="the server")
    parser.add_argument("--group", choices=JOBS, action="append", help="only cases of this group")
    parser.add_argument("--only", metavar="PATTERN", help="only cases whose name fits, as 6.9*")
    parser.add_argument("--list", action="store_true", help="name the cases and what they expect")
    parser.add_argument("--json", action="store_true", help="all outcomes as JSON on stdout")
    parser.add_argument("--verbose", action="store_true", help="a line for every case")
    parser.add_argument("--foreign", action="store_true",
                        help="another server: nothing is known of it, nor do its responses show "
                             "the requests")
    return parser.parse_args()


def chosen(options):
    groups = options.group or list(JOBS)
    return [
        case for case in cases()
        if case.group in groups and (not options.only or fnmatch.fnmatch(case.name, options.only))
    ]


def outcome(case, address):
    began = time.monotonic()
    try:
        good, seen = case.play(address)
    except Exception as error:  # Whatever goes wrong, it is this case that fails.
        good, seen = False, f"{type(error).__name__}: {error}"
    good, seen, why = known.judge(case, good, seen)
    return {
        "name": case.name, "group": case.group, "mark": case.mark.decode(), "origin": case.origin,
        "good": good, "expected": str(case.expect), "seen": seen, "known": why,
        "ms": round((time.monotonic() - began) * 1000),
    }


def play(wanted, address):
    outcomes = []
    for group, jobs in JOBS.items():
        mine = [case for case in wanted if case.group == group]
        with ThreadPoolExecutor(jobs) as pool:
            outcomes += pool.map(lambda case: outcome(case, address), mine)
    return outcomes


def report(outcomes, options):
    good = sum(one["good"] for one in outcomes)
    if options.json:
        json.dump(outcomes, sys.stdout, indent=1)
        print()
    for one in outcomes:
        if options.verbose or not one["good"]:
            word = "known" if one["known"] else "ok" if one["good"] else "NOT"
            line = f"{word} {one['name']}: expected {one['expected']}; saw {one['seen']}"
            print(line + f" ({one['ms']} ms)" * options.verbose, file=sys.stderr)
    excused = sum(one["known"] is not None for one in outcomes)
    excused = f", {excused} of them known to go otherwise" if excused else ""
    print(f"{good} of {len(outcomes)} cases as expected{excused}", file=sys.stderr)
    return 0 if outcomes and good == len(outcomes) else 1


def main():
    options = arguments()
    wanted = chosen(options)
    if options.list:
        for case in wanted:
            print(f"{case.name}: {case.expect}")
        return 0
    if not options.address:
        sys.exit("frames: which server? Say HOST:PORT")
    host, _, port = options.address.rpartition(":")
    if options.foreign:
        expect.Reply.echoes, known.KNOWN = False, ()
    return report(play(wanted, (host, int(port))), options)


sys.exit(main())

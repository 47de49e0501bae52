"""The clock: its time, its source, and how far it is from the truth by the kernel's own account (adjtimex)."""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Iterator

from ...model import Item, Sample, counter, gauge
from .part import Part, Read, Roots, read_text

NOW = gauge("node_time_seconds", "Time of the host when this was collected, not when it was scraped.")
ZONE = gauge("node_time_zone_offset_seconds", "Offset of local time from UTC.", "time_zone")
AVAILABLE = gauge(
    "node_time_clocksource_available_info", "1 for each clock source the kernel has.", "clocksource", "device"
)
CURRENT = gauge("node_time_clocksource_current_info", "1 for the clock source in use.", "clocksource", "device")

OFFSET = gauge("node_timex_offset_seconds", "Distance from the reference clock that is being made up.")
FREQUENCY = gauge("node_timex_frequency_adjustment_ratio", "Correction of the clock's frequency.")
MAX_ERROR = gauge("node_timex_maxerror_seconds", "Bound of the error.")
ESTIMATED_ERROR = gauge("node_timex_estimated_error_seconds", "Estimate of the error.")
STATUS = gauge("node_timex_status", "Status bits of the clock.")
CONSTANT = gauge("node_timex_loop_time_constant", "Time constant of the phase-locked loop.")
TICK = gauge("node_timex_tick_seconds", "Time between two ticks.")
PPS_FREQUENCY = gauge("node_timex_pps_frequency_hertz", "Frequency of the pulse per second.")
PPS_JITTER = gauge("node_timex_pps_jitter_seconds", "Jitter of the pulse per second.")
PPS_SHIFT = gauge("node_timex_pps_shift_seconds", "Interval of the calibration by the pulse per second.")
PPS_STABILITY = gauge("node_timex_pps_stability_hertz", "Mean stability of the pulse per second.")
PPS_CALIBRATIONS = counter("node_timex_pps_calibration_total", "Calibrations by the pulse per second.")
PPS_JITTERS = counter("node_timex_pps_jitter_total", "Times the jitter was over its limit.")
PPS_ERRORS = counter("node_timex_pps_error_total", "Calibrations that failed.")
PPS_UNSTABLE = counter("node_timex_pps_stability_exceeded_total", "Times the stability was over its limit.")
TAI = gauge("node_timex_tai_offset_seconds", "Offset of atomic time from UTC; 0 when nobody told the kernel.")
SYNCHRONISED = gauge("node_timex_sync_status", "1 when the clock follows a reference.")

_NANOSECONDS = 0x2000  # STA_NANO
_UNSYNCHRONISED = 5  # TIME_ERROR
_FREQUENCY_UNIT = 1_000_000 * 65536  # parts per million with 16 bits behind the point


class Timex(ctypes.Structure):
    """`struct timex` of adjtimex(2)."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", ctypes.c_long * 2),
        ("tick", ctypes.c_long),
        ("ppsfreq", ctypes.c_long),
        ("jitter", ctypes.c_long),
        ("shift", ctypes.c_int),
        ("stabil", ctypes.c_long),
        ("jitcnt", ctypes.c_long),
        ("calcnt", ctypes.c_long),
        ("errcnt", ctypes.c_long),
        ("stbcnt", ctypes.c_long),
        ("tai", ctypes.c_int),
        ("padding", ctypes.c_int * 11),
    )


def timex_samples(state: int, timex: Timex) -> Iterator[Item]:
    """What the kernel's discipline of the clock says; `state` is what adjtimex returned."""
    unit = 1e9 if timex.status & _NANOSECONDS else 1e6
    values = {
        OFFSET: timex.offset / unit,
        FREQUENCY: 1 + timex.freq / _FREQUENCY_UNIT,
        MAX_ERROR: timex.maxerror / 1e6,
        ESTIMATED_ERROR: timex.esterror / 1e6,
        STATUS: timex.status,
        CONSTANT: timex.constant,
        TICK: timex.tick / 1e6,
        PPS_FREQUENCY: timex.ppsfreq / _FREQUENCY_UNIT,
        PPS_JITTER: timex.jitter / unit,
        PPS_SHIFT: timex.shift,
        PPS_STABILITY: timex.stabil / _FREQUENCY_UNIT,
        PPS_CALIBRATIONS: timex.calcnt,
        PPS_JITTERS: timex.jitcnt,
        PPS_ERRORS: timex.errcnt,
        PPS_UNSTABLE: timex.stbcnt,
        TAI: timex.tai,
        SYNCHRONISED: int(state != _UNSYNCHRONISED),
    }
    for spec, value in values.items():
        yield Sample(spec, (), value)


def _open_timex(_: Roots) -> Read:
    adjtimex = ctypes.CDLL(None, use_errno=True).adjtimex

    def read() -> Iterator[Item]:
        timex = Timex()  # no modes: it asks and changes nothing
        state = adjtimex(ctypes.byref(timex))
        if state < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), "adjtimex")
        yield from timex_samples(state, timex)

    return read


def _open_time(roots: Roots) -> Read:
    folder = f"{roots.sys}/devices/system/clocksource/clocksource0"

    def read() -> Iterator[Item]:
        yield Sample(NOW, (), time.time())
        local = time.localtime()
        yield Sample(ZONE, (local.tm_zone,), local.tm_gmtoff)
        for name in read_text(f"{folder}/available_clocksource").split():
            yield Sample(AVAILABLE, (name, "0"), 1)
        yield Sample(CURRENT, (read_text(f"{folder}/current_clocksource").strip(), "0"), 1)

    return read


TIME = Part("time", (NOW, ZONE, AVAILABLE, CURRENT), _open_time)
TIMEX = Part(
    "timex",
    (
        *(OFFSET, FREQUENCY, MAX_ERROR, ESTIMATED_ERROR, STATUS, CONSTANT, TICK, TAI, SYNCHRONISED),
        *(PPS_FREQUENCY, PPS_JITTER, PPS_SHIFT, PPS_STABILITY),
        *(PPS_CALIBRATIONS, PPS_JITTERS, PPS_ERRORS, PPS_UNSTABLE),
    ),
    _open_timex,
)

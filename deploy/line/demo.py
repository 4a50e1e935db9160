"""The demo: see deploy/demo --help."""
import argparse
import os
import pathlib
import signal
import sys
import time

from . import check
from .line import ROOT, Line
from .process import Failed


def arguments():
    parser = argparse.ArgumentParser(prog="deploy/demo", description=(
        "Starts broker, service, a Bluetooth AP and a ZigBee AP with simulated tags, loads a sample catalogue and prints the "
        "address of the operators' page. Ctrl-C, or --stop from another terminal, ends all of it."))
    parser.add_argument("--check", action="store_true", help="no page: change prices end to end, compare every screen, verify the audit log, print a table, exit")
    parser.add_argument("--stop", action="store_true", help="end a demo that runs on this state")
    parser.add_argument("--fresh", action="store_true", help="forget what an earlier run left")
    parser.add_argument("--state", default=str(ROOT / "var" / "demo"), help="where everything is kept (default: %(default)s)")
    parser.add_argument("--ble-tags", type=int, default=100)
    parser.add_argument("--zigbee-tags", type=int, default=100)
    parser.add_argument("--speed", type=float, default=50, help="how many times faster than real the tags refresh and answer (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", help="fault plan for the tags (docs/formats/fault-plan.md)")
    parser.add_argument("--foreign-broker", action="store_true", help="Debian's Mosquitto in place of our broker")
    parser.add_argument("--service-port", type=int, help="operators' page and REST (default: 8080, with --check any free one)")
    parser.add_argument("--broker-port", type=int, help="MQTT (default: 1883, with --check any free one)")
    parser.add_argument("--sim-port", type=int, help="the simulators' pages, this port and the next (default: 8090, with --check any)")
    options = parser.parse_args()
    for name, port in (("service_port", 8080), ("broker_port", 1883), ("sim_port", 8090)):
        if getattr(options, name) is None:
            setattr(options, name, 0 if options.check else port)
    return options


def running_pid(state):
    try:
        pid = int((state / "demo.pid").read_text())
        os.kill(pid, 0)
        with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
            return pid if b"line.demo" in cmdline.read() else None
    except (OSError, ValueError):
        return None


def stop(state):
    pid = running_pid(state)
    if pid is None:
        print("demo: nothing is running on", state)
        return 0
    os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 60
    while running_pid(state) is not None:
        if time.monotonic() > end:
            print(f"demo: process {pid} does not end", file=sys.stderr)
            return 1
        time.sleep(0.1)
    print("demo: stopped")
    return 0


def show(line):
    table = check.Table()
    check.fill(line, table)
    print(f"""
  operators' page   http://127.0.0.1:{line.ports['service']}/   user admin, password {line.password}
  simulated shelf   """ + "   ".join(f"http://127.0.0.1:{sim.port}/" for sim in line.sims.values()) + f"""
  MQTT broker       127.0.0.1:{line.ports['broker']}
  logs              {line.logs()}
  audit log         build/bin/audit-log verify {line.state / 'mgmt' / 'audit'}

  Change a price on the page and watch the tag. Ctrl-C ends everything.""", flush=True)
    while True:
        for process in line.processes.values():
            if not process.alive():
                raise Failed(f"{process.name} ended with code {process.child.returncode}; its log: {process.log}")
        time.sleep(0.5)


def interrupted(*_):
    raise KeyboardInterrupt


def main():
    options = arguments()
    state = pathlib.Path(options.state).resolve()
    if options.stop:
        return stop(state)
    if running_pid(state):
        print(f"demo: already running on {state} (process {running_pid(state)}); end it with ./deploy/demo --stop", file=sys.stderr)
        return 1
    if options.fresh and state.exists():
        import shutil
        shutil.rmtree(state)
    state.mkdir(parents=True, exist_ok=True)
    (state / "demo.pid").write_text(str(os.getpid()))
    signal.signal(signal.SIGTERM, interrupted)
    line = Line(state, options.ble_tags, options.zigbee_tags, options.speed, options.seed, options.faults,
                options.foreign_broker, options.service_port, options.broker_port, options.sim_port)
    try:
        print(f"demo: starting the line ({options.ble_tags} Bluetooth and {options.zigbee_tags} ZigBee tags), state in {state}", flush=True)
        with line:
            if options.check:
                table = check.run(line)
                print("\n" + table.text())
            else:
                show(line)
        print("demo: all as it should be")
        return 0
    except KeyboardInterrupt:
        line.stop_quietly()
        print("demo: stopped")
        return 0
    except Failed as error:
        print(f"demo: FAILED: {error}\ndemo: logs are in {line.logs()}", file=sys.stderr)
        return 1
    finally:
        (state / "demo.pid").unlink(missing_ok=True)


if __name__ == "__main__":
    sys.exit(main())

"""Runs one scenario in one directory of the guest and prints how long it took, in ms: guest.py SCENARIO DIRECTORY."""

import os
import shutil
import subprocess
import sys
import time

MIB = 2**20
LISTING = '/tmp/bench-files.txt'
ARCHIVE = '/tmp/bench-files.tar'


def drop_caches(_):
    os.sync()
    with open('/proc/sys/vm/drop_caches', 'w', encoding='utf8') as file:
        file.write('3')


def run(*arguments, **options):
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL, **options)


def stat_all(directory):
    with open(LISTING, encoding='utf8') as file:
        for line in file:
            os.lstat(f'{directory}/tree/{line.rstrip()}')


def read_large(directory):
    with open(f'{directory}/large', 'rb', buffering=0) as file:
        while file.read(MIB):
            pass


def write_large(directory):
    data = bytes(MIB)
    size = os.stat(f'{directory}/large').st_size
    with open(f'{directory}/written', 'wb', buffering=0) as file:
        for _ in range(size // MIB):
            file.write(data)


def write_small(directory):
    with open(f'{directory}/log', 'wb', buffering=0) as file:
        for _ in range(500):
            file.write(b'x' * 100)


def unpack(directory):
    run('tar', '-xf', ARCHIVE, '-C', f'{directory}/unpacked')


def empty(directory):
    shutil.rmtree(f'{directory}/unpacked', ignore_errors=True)
    os.mkdir(f'{directory}/unpacked')


def status(directory):
    run('git', '-C', f'{directory}/tree', 'status', '--porcelain')


def build(directory):
    run('make', '-s', '-j2', '-C', f'{directory}/build')


def clean(directory):
    run('make', '-s', '-C', f'{directory}/build', 'clean')


def install(directory):
    run('npm', 'ci', '--offline', '--no-audit', '--no-fund', cwd=f'{directory}/app')


def uninstall(directory):
    shutil.rmtree(f'{directory}/app/node_modules', ignore_errors=True)


def pause(seconds):
    return lambda _: time.sleep(seconds)


# What happens before the clock starts, and what it measures.
SCENARIOS = {
    'read, cold': (drop_caches, read_large),
    # The others' cold runs dropped what was warm.
    'read, warm': (read_large, read_large),
    'write': (None, write_large),
    '500 small writes': (None, write_small),
    'lstat, cold': (drop_caches, stat_all),
    'lstat, warm': (stat_all, stat_all),
    'lstat, after 3 s': (pause(3), stat_all),
    'git status': (status, status),
    'git status, after 10 s': (pause(10), status),
    'tar x': (empty, unpack),
    'C build': (clean, build),
    'npm ci': (uninstall, install),
}


def main(name, directory):
    prepare, measured = SCENARIOS[name]
    if prepare is not None:
        prepare(directory)
    os.stat(directory)
    print('ready', flush=True)
    # The host answers once it has set its count of requests to 0.
    sys.stdin.readline()
    started = time.monotonic()
    measured(directory)
    print((time.monotonic() - started) * 1000)


main(*sys.argv[1:])

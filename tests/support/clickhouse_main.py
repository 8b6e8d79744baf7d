"""Run the ClickHouse engine as a listening server: `clickhouse_main.py LIBRARY DATA TCP_PORT HTTP_PORT [OPTION...]`."""

import ctypes
import sys


def main() -> None:
    library, data, tcp_port, http_port, *options = sys.argv[1:]
    forever = (
        "SELECT sleepEachRow(1) FROM numbers(1000000000) "
        "SETTINGS function_sleep_max_microseconds_per_block = 0, max_block_size = 1 FORMAT Null"
    )
    arguments = [
        "clickhouse", "--path", data, "--listen_host=127.0.0.1", f"--tcp_port={tcp_port}", f"--http_port={http_port}",
        *options, "--query", f"SYSTEM START LISTEN TCP; SYSTEM START LISTEN HTTP; {forever}",
    ]  # fmt: skip
    values = (ctypes.c_char_p * len(arguments))(*(argument.encode() for argument in arguments))
    ctypes.CDLL(library).chdb_query_cmdline(len(arguments), values)


if __name__ == "__main__":
    main()

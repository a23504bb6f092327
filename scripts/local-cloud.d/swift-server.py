"""Runs a Swift server whose swift.conf is not in /etc/swift: SERVER SWIFT_DIR CONF [OPTION...]."""

import sys

from swift.common.utils import parse_options, set_swift_dir


def main():
    server, swift_dir = sys.argv[1:3]
    # Before the next import, which reads the storage policies from there.
    set_swift_dir(swift_dir)
    from swift.common.wsgi import run_wsgi

    conf_file, options = parse_options(test_args=sys.argv[3:])
    if server == "object-server":
        from swift.obj.server import global_conf_callback

        options["global_conf_callback"] = global_conf_callback
    return run_wsgi(conf_file, server, **options)


if __name__ == "__main__":
    sys.exit(main())

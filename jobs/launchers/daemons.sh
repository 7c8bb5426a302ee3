# Daemons of this machine, for the scripts beside this file: sourced by whoever has `say`, `running`, `down`, $folder and
# ${daemons[@]}.

all_running() {
    local daemon
    for daemon in "${daemons[@]}"; do running "$daemon" || return 1; done
}

give_up() { # give_up <what happened> <whose log tells>
    say "$1; the end of $folder/$2.log:" >&2
    tail -n 5 "$folder/$2.log" >&2
    down >/dev/null
    exit 4
}

require_free() { # require_free <port> <variable that names another>
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        say "something else listens on port $1; fix: $2=<another> $0 up" >&2
        exit 4
    fi
}

status() {
    local daemon
    for daemon in "${daemons[@]}"; do say "$daemon $(running "$daemon" && echo up || echo down)"; done
    all_running || exit 4
}

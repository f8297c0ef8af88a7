#!/bin/sh
# Does what was asked for. The action's name is in MYNAH_ACTION, its slots are a JSON object on
# standard input, and the first line printed is `outcome` in the reply.
#
# Everything is kept in files below $MYNAH_HOME, so that it survives a restart. Lights and heating
# are only noted there: put the commands of your own house (mosquitto_pub, curl, gpioset) beside.
set -eu
home="${MYNAH_HOME:-${XDG_STATE_HOME:-${HOME:-/var/lib}/.local/state}/mynah-home}"
mkdir -p "$home/timers" "$home/rooms"
list="$home/shopping.txt"
slots=$(cat)

# The text or number of one slot; nothing when it is not there.
slot() {
    printf '%s' "$slots" |
        sed -nE 's/.*"'"$1"'":("(([^"\\]|\\.)*)"|([0-9.]+)).*/\2\4/p' | sed -E 's/\\(.)/\1/g'
}

# "an hour and a half", "2 minutes 30 seconds", "twenty-five minutes" → seconds.
seconds() {
    printf '%s\n' "$1" | tr -- '-' ' ' | awk '
    BEGIN {
        split("one two three four five six seven eight nine ten eleven twelve thirteen fourteen " \
              "fifteen sixteen seventeen eighteen nineteen", ones, " ")
        for (i in ones) value[ones[i]] = i
        split("twenty thirty forty fifty sixty seventy eighty ninety", tens, " ")
        for (i in tens) value[tens[i]] = (i + 1) * 10
        unit["second"] = 1; unit["minute"] = 60; unit["hour"] = 3600
    }
    {
        for (i = 1; i <= NF; i++) {
            word = $i; sub(/s$/, "", word)
            if ($i ~ /^[0-9.]+$/) count += $i
            else if ($i in value) count += value[$i]
            else if ($i == "hundred") count *= 100
            else if ($i ~ /^quarter/) count = (count ? count : 1) / 4
            else if ($i == "half") { half = 1; count += last ? 0 : 0.5 }
            else if (word in unit) {
                # "half a minute", "an hour", "two minutes", "two and a half hours"
                total += (count ? count : 1) * unit[word]
                last = unit[word]; count = 0; half = 0
            }
        }
        # "an hour and a half": the half is of what came before.
        if (half && last) total += last / 2
        print int(total)
    }'
}

# 90 → "1 minute 30 seconds left"; from ten minutes on, whole minutes are enough.
spoken() {
    awk -v left="$1" '
    function part(n, unit) { return n ? n " " unit (n == 1 ? "" : "s") " " : "" }
    BEGIN {
        if (left >= 600) left = int((left + 59) / 60) * 60
        text = part(int(left / 3600), "hour") part(int(left % 3600 / 60), "minute")
        print text part(left % 60, "second") "left"
    }'
}

# The file of the timer that is meant: the one named, or the one that ends first.
timer_file() {
    name=$(slot timer)
    if [ -n "$name" ]; then
        [ ! -e "$home/timers/$name" ] || printf '%s\n' "$home/timers/$name"
        return
    fi
    for file in "$home"/timers/*; do
        [ ! -e "$file" ] || printf '%s %s\n' "$(cat "$file")" "$file"
    done | sort -n | head -n 1 | cut -d ' ' -f 2-
}

# Timers that have ended are gone.
now=$(date +%s)
for file in "$home"/timers/*; do
    if [ -e "$file" ] && [ "$(cat "$file")" -le "$now" ]; then
        rm "$file"
    fi
done

case "$MYNAH_ACTION" in
switch_light | dim_light | colour_light)
    printf '%s %s\n' "$MYNAH_ACTION" "$slots" >>"$home/lights.jsonl"
    ;;
set_temperature)
    slot temperature >"$home/rooms/$(slot room)"
    ;;
ask_temperature)
    file="$home/rooms/$(slot room)"
    [ ! -e "$file" ] || cat "$file"
    ;;
start_timer)
    name=$(slot timer)
    length=$(seconds "$(slot duration)")
    [ "$length" -gt 0 ]
    echo $((now + length)) >"$home/timers/${name:-kitchen}"
    # Whoever rings (systemd-run --on-active, a loop that reads the folder) is started here.
    ;;
cancel_timer)
    file=$(timer_file)
    if [ -n "$file" ]; then
        rm "$file"
        basename "$file"
    fi
    ;;
ask_timer)
    file=$(timer_file)
    [ -z "$file" ] || spoken $(($(cat "$file") - now))
    ;;
add_item)
    slot item >>"$list"
    echo >>"$list"
    ;;
remove_item)
    item=$(slot item)
    grep -qixF -- "$item" "$list"
    # `grep` ends with 1 when nothing is left, which is no failure here.
    grep -vixF -- "$item" "$list" >"$list.new" || true
    mv "$list.new" "$list"
    ;;
read_list)
    [ ! -e "$list" ] || awk '{ text = text (NR > 1 ? ", " : "") $0 } END { print text }' "$list"
    ;;
clear_list)
    rm -f "$list"
    ;;
*)
    echo "home.sh does not know the action $MYNAH_ACTION" >&2
    exit 1
    ;;
esac

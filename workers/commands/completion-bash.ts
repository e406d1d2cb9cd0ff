/** Needs no bash-completion, works with the bash 3.2 of macOS, and evaluates nothing of what was typed. */
export const BASH_COMPLETION = `# bash completion for hive
_hive() {
    # Words as they were typed: bash also splits them at the : and the = of COMP_WORDBREAKS.
    local words=() last=-1 rest=$COMP_LINE i
    rest=\${rest:0:COMP_POINT}
    for ((i = 0; i <= COMP_CWORD; i++)); do
        if [[ $last -lt 0 || $rest == [[:space:]]* ]]; then
            last=$((last + 1))
            words[last]=''
            rest=\${rest#"\${rest%%[![:space:]]*}"}
        fi
        local part=\${COMP_WORDS[i]}
        if [[ $i -eq $COMP_CWORD ]]; then part=$rest; fi
        words[last]+=$part
        rest=\${rest#"$part"}
    done

    local current=\${words[last]} before=''
    if [[ $current == --*=* ]]; then
        before=\${current%%=*}=
        current=\${current#*=}
    fi
    # What bash takes for done is not part of the answer.
    local whole=$before$current done=''
    if [[ $COMP_WORDBREAKS == *=* && -n $before ]]; then done=$before; fi
    if [[ $COMP_WORDBREAKS == *:* && $current == *:* ]]; then done=$before\${current%"\${current##*:}"}; fi

    COMPREPLY=()
    local value description
    while IFS=$'\\t' read -r value description; do
        # the last line is a number for other shells
        if [[ $value == :* || $before$value != "$whole"* ]]; then continue; fi
        value=$before$value
        COMPREPLY+=("\${value#"$done"}")
    done < <(hive complete -- "\${words[@]:1}" 2>/dev/null)
}
complete -F _hive hive
`;

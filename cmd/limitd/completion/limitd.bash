# bash completion for limitd. For this session: source <(limitd completion bash)
# For all: limitd completion bash > ~/.local/share/bash-completion/completions/limitd
_limitd() {
    local found candidate
    COMPREPLY=()
    if ! found=$("$1" __complete bash "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null); then
        compopt +o default 2>/dev/null # no file fits here
        return
    fi
    while IFS= read -r candidate; do
        [[ -n $candidate ]] && COMPREPLY+=("$candidate")
    done <<<"$found"
    # template= wants its text behind it, no space
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace 2>/dev/null
    fi
}
complete -o default -F _limitd limitd

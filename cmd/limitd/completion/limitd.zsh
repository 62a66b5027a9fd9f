#compdef limitd
# zsh completion for limitd. For this session: source <(limitd completion zsh)
# For all: limitd completion zsh > "${fpath[1]}/_limitd"
_limitd() {
    local found
    local -a candidates
    found=$("${words[1]}" __complete zsh "${(@)words[2,CURRENT]}" 2>/dev/null) || return 1 # no file fits here
    if [[ -z $found ]]; then
        _files
        return
    fi
    candidates=("${(@f)found}")
    _describe -V limitd candidates
}
if [[ ${funcstack[1]} == _limitd ]]; then
    _limitd "$@"
else
    compdef _limitd limitd
fi

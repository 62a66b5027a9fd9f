# fish completion for limitd. For this session: limitd completion fish | source
# For all: limitd completion fish > ~/.config/fish/completions/limitd.fish
function __limitd_complete
    set -l words (commandline -opc)
    set -l typed (commandline -ct)
    set -l candidates ($words[1] __complete fish $words[2..-1] "$typed" 2>/dev/null)
    or return # no file fits here
    if set -q candidates[1]
        printf '%s\n' $candidates
    else
        __fish_complete_path "$typed"
    end
end
complete -c limitd -f -k -a '(__limitd_complete)'

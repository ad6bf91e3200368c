import ServiceKit

/// Scripts that complete a program's flags in a shell.
enum Completion: String, CaseIterable {
    case bash
    case zsh
    case fish

    func script(_ manual: Manual) -> String {
        switch self {
        case .bash: Self.bash(manual)
        case .zsh: Self.zsh(manual)
        case .fish: Self.fish(manual)
        }
    }

    /// Every spelling of every flag, and the values of those that have few.
    private static func options(_ manual: Manual) -> [(name: String, flag: Flag, takesValue: Bool)] {
        manual.flags.sorted { $0.name < $1.name }.flatMap { flag in
            guard flag.kind == .bool else { return [(flag.name, flag, true)] }
            guard !ManualPage.questions.contains(where: { $0.key == flag.name }) else {
                return [(flag.name, flag, false)]
            }
            let negated = manual.style == .mesos ? "no-\(flag.name)" : "disable_\(flag.name)"
            return [(flag.name, flag, false), (negated, flag, false)]
        }
    }

    private static func choices(_ flag: Flag) -> [String] {
        if case .oneOf(let names) = flag.kind { return names }
        return []
    }

    private static func bash(_ manual: Manual) -> String {
        let function = "_" + manual.name.map { $0 == "-" ? "_" : String($0) }.joined()
        let names = options(manual).map { "--\($0.name)" + ($0.takesValue && manual.style == .mesos ? "=" : "") }
        let cases = manual.flags.sorted { $0.name < $1.name }.compactMap { flag -> String? in
            let values = choices(flag)
            return values.isEmpty ? nil : "        --\(flag.name)) values='\(values.joined(separator: " "))' ;;\n"
        }
        let commands =
            manual.commands.isEmpty
            ? ""
            : """
                elif [[ $COMP_CWORD == 1 ]]; then
                    mapfile -t COMPREPLY < <(compgen -W '\(manual.commands.joined(separator: " "))' -- "$word")

            """
        return """
            # bash completion of \(manual.name)
            \(function)() {
                local word=${COMP_WORDS[COMP_CWORD]} flag=${COMP_WORDS[COMP_CWORD - 1]} values=
                # The equals sign is a word of its own.
                [[ $flag != = ]] || flag=${COMP_WORDS[COMP_CWORD - 2]}
                [[ $word != = ]] || word=
                case $flag in
            \(cases.joined())    esac
                if [[ -n $values ]]; then
                    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
                elif [[ $word == -* ]]; then
                    mapfile -t COMPREPLY < <(compgen -W '\(names.joined(separator: " "))' -- "$word")
                    [[ ${COMPREPLY[0]-} != *= ]] || compopt -o nospace
            \(commands)    else
                    compopt -o default
                fi
            }
            complete -F \(function) \(([manual.name] + manual.aliases).joined(separator: " "))

            """
    }

    private static func zsh(_ manual: Manual) -> String {
        let lines = options(manual).map { option in
            let help = text(option.flag, quote: "'\\''", dropping: "[]:\\")
            guard option.takesValue else { return "    '--\(option.name)[\(help)]'" }
            let values = choices(option.flag)
            let action = values.isEmpty ? "_files" : "(\(values.joined(separator: " ")))"
            return "    '--\(option.name)=[\(help)]:value:\(action)'"
        }
        let commands = manual.commands.isEmpty ? [] : ["    '1:command:(\(manual.commands.joined(separator: " ")))'"]
        return "#compdef \(([manual.name] + manual.aliases).joined(separator: " "))\n_arguments \\\n"
            + (commands + lines).joined(separator: " \\\n") + "\n"
    }

    private static func fish(_ manual: Manual) -> String {
        ([manual.name] + manual.aliases).flatMap { name in
            let commands = manual.commands.map { "complete -c \(name) -n __fish_use_subcommand -f -a \($0)\n" }
            let flags = options(manual).map { option in
                let values = choices(option.flag)
                let argument =
                    !option.takesValue ? "" : values.isEmpty ? " -r" : " -x -a '\(values.joined(separator: " "))'"
                return "complete -c \(name) -l \(option.name)\(argument)"
                    + " -d '\(text(option.flag, quote: "\\'", dropping: "\\"))'\n"
            }
            return commands + flags
        }.joined()
    }

    /// The help of a flag inside single quotes of the shell, without the signs that mean something there.
    private static func text(_ flag: Flag, quote: String, dropping signs: String) -> String {
        flag.help.filter { !signs.contains($0) }.map { $0 == "'" ? quote : String($0) }.joined()
    }
}

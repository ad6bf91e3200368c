/// Rules for the names of roles (Mesos documentation, "Roles": invalid role names).
public enum RoleName {
    /// What is wrong with a name, in Mesos's words; nil for a valid one.
    public static func complaint(about role: String) -> String? {
        if role == "*" { return nil }
        if role.isEmpty { return "Empty role name is invalid" }
        if role.hasPrefix("/") { return "Role '\(role)' cannot start with a slash" }
        if role.hasSuffix("/") { return "Role '\(role)' cannot end with a slash" }
        if role.contains("//") { return "Role '\(role)' cannot contain two adjacent slashes" }
        for component in role.split(separator: "/") {
            if [".", "..", "*"].contains(component) {
                return "Role '\(role)' cannot contain '\(component)' as a component"
            }
            if component.hasPrefix("-") {
                return "Role component '\(component)' is invalid because it begins with a dash"
            }
            let isBad = component.unicodeScalars.contains {
                [0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x20].contains($0.value)
            }
            if isBad {
                return "Role component '\(component)' is invalid because it contains backspace or whitespace"
            }
        }
        return nil
    }
}

import COpenSSL

/// Who a certificate is for, as Java's X500Principal.getName() writes it and ACLs of the scheme `x509` hold it: RFC
/// 2253, the most specific part first, `CN=worker,OU=ops,O=Example`.
public struct DistinguishedName: Sendable, Equatable, CustomStringConvertible {
    struct Attribute: Equatable {
        /// Dotted, `2.5.4.3`.
        let type: String
        /// As text; nil when it is of a type that is no text.
        let text: String?
        /// `#` and the value's DER in hexadecimal digits.
        let encoded: String
        /// Attributes with the same number stand in one relative distinguished name.
        let set: Int
    }

    public let description: String

    init(_ attributes: [Attribute]) {
        var sets: [(number: Int, text: String)] = []
        for attribute in attributes {
            let text = Self.text(attribute)
            if let last = sets.last, last.number == attribute.set {
                sets[sets.count - 1].text += "+" + text
            } else {
                sets.append((attribute.set, text))
            }
        }
        description = sets.reversed().map(\.text).joined(separator: ",")
    }

    /// The keywords of RFC 2253, section 2.3; other types are written as numbers with an encoded value.
    private static let keywords = [
        "2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.7": "L", "2.5.4.8": "ST", "2.5.4.9": "STREET", "2.5.4.10": "O",
        "2.5.4.11": "OU", "0.9.2342.19200300.100.1.25": "DC", "0.9.2342.19200300.100.1.1": "UID",
    ]

    private static func text(_ attribute: Attribute) -> String {
        guard let keyword = keywords[attribute.type], let text = attribute.text else {
            return "\(keywords[attribute.type] ?? attribute.type)=\(attribute.encoded)"
        }
        return "\(keyword)=\(escaped(text))"
    }

    /// Section 2.4 of RFC 2253; spaces at both ends all, as Java does.
    private static func escaped(_ text: String) -> String {
        let scalars = Array(text.unicodeScalars)
        let isSpace: (Unicode.Scalar) -> Bool = { $0 == " " || $0 == "\r" }
        let lead = scalars.prefix(while: isSpace).count
        let trail = scalars.count - scalars.reversed().prefix(while: isSpace).count
        var result = String.UnicodeScalarView()
        for (index, scalar) in scalars.enumerated() {
            if index < lead || index >= trail || ",=+<>#;\"\\".unicodeScalars.contains(scalar) { result.append("\\") }
            result.append(scalar)
        }
        return String(result)
    }
}

extension DistinguishedName {
    /// The subject of an X509 object.
    init(subjectOf certificate: OpaquePointer) {
        let name = X509_get_subject_name(certificate)
        self.init(
            (0..<max(0, X509_NAME_entry_count(name))).compactMap { index in
                guard let entry = X509_NAME_get_entry(name, index), let value = X509_NAME_ENTRY_get_data(entry) else {
                    return nil
                }
                return Attribute(
                    type: Self.type(of: entry), text: Self.text(value), encoded: Self.encoded(value),
                    set: Int(X509_NAME_ENTRY_set(entry)))
            })
    }

    private static func type(of entry: OpaquePointer) -> String {
        var text = [CChar](repeating: 0, count: 128)
        OBJ_obj2txt(&text, Int32(text.count), X509_NAME_ENTRY_get_object(entry), 1)
        return string(text)
    }

    private static func text(_ value: UnsafePointer<ASN1_STRING>) -> String? {
        let types = [
            V_ASN1_UTF8STRING, V_ASN1_PRINTABLESTRING, V_ASN1_T61STRING, V_ASN1_IA5STRING, V_ASN1_GENERALSTRING,
            V_ASN1_BMPSTRING, V_ASN1_UNIVERSALSTRING,
        ]
        guard types.contains(ASN1_STRING_type(value)) else { return nil }
        var bytes: UnsafeMutablePointer<UInt8>?
        let count = ASN1_STRING_to_UTF8(&bytes, value)
        defer { CRYPTO_free(bytes, "", 0) }
        guard count >= 0, let bytes else { return nil }
        return String(decoding: UnsafeBufferPointer(start: bytes, count: Int(count)), as: UTF8.self)
    }

    private static func encoded(_ value: UnsafePointer<ASN1_STRING>) -> String {
        guard let output = BIO_new(BIO_s_mem()) else { return "#" }
        defer { BIO_free(output) }
        ASN1_STRING_print_ex(output, value, UInt(ASN1_STRFLGS_DUMP_ALL | ASN1_STRFLGS_DUMP_DER))
        var text = [CChar](repeating: 0, count: 4096)
        let count = BIO_read(output, &text, Int32(text.count - 1))
        return string(Array(text.prefix(max(0, Int(count))))).lowercased()
    }

    private static func string(_ characters: [CChar]) -> String {
        String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

import MesosProtocol

/// Messages between a master and an agent of Mesos 1.11.0, as they went over the wire, in base64.
enum GoldenMessages {
    static let all: [(type: any ProtoMessage.Type, base64: String)] = [
        (
            Internal.SlaveRegisteredMessage.self,
            """
            CikKJzE0ZTg5OGEyLWY3YmUtNDQ0MS04NjVkL\
            TVlYzQ5NmU4OTliNy1TMBIJCQAAAAAAwFJA
            """
        ),
        (
            Internal.StatusUpdateMessage.self,
            """
            CoYCCisKKTE0ZTg5OGEyLWY3YmUtNDQ0MS04NjVkLTVlYzQ5NmU4OTliNy0wMDAwGikKJzE0ZTg5OGEyLWY3YmUtNDQ0MS04NjVk\
            LTVlYzQ5NmU4OTliNy1TMCKOAQoFCgNiLTEQACopCicxNGU4OThhMi1mN2JlLTQ0NDEtODY1ZC01ZWM0OTZlODk5YjctUzAxLgLB\
            WcnA2kFIAloQQC2YtofESsepSWbuBFU0G2o7Cg0qCxIJMTI3LjAuMC4xGPTZASImCiRkYzViYzZkNi0xYzRjLTRmMTktYTg0Mi03\
            Y2UyM2I3NzAzZmYpLgLBWcnA2kEyEEAtmLaHxErHqUlm7gRVNBs4ABIYc2xhdmUoMSlAMTI3LjAuMC4xOjE1MTUx
            """
        ),
        (
            Internal.StatusUpdateAcknowledgementMessage.self,
            """
            CikKJzE0ZTg5OGEyLWY3YmUtNDQ0MS04NjVkLTVlYzQ5NmU4OTliNy1TMBIrCikxNGU4OThhMi1mN2JlLTQ0NDEtODY1ZC01ZWM0\
            OTZlODk5YjctMDAwMBoFCgNiLTEiEEAtmLaHxErHqUlm7gRVNBs=
            """
        ),
        (
            Internal.RegisterSlaveMessage.self,
            """
            CnEKCWxvY2FsaG9zdBoWCgRjcHVzEAAaCQkAAAAAAAAQQDIBKhoVCgNtZW0QABoJCQAAAAAAALBAMgEqGhYKBGRpc2sQABoJCQAA\
            AAAAAMRAMgEqGhgKBXBvcnRzEAEiCgoICJjyARCA+gEyASo4AUCvdhIGMS4xMS4wIgIIASICCAIiAggDIgIIBCICCAUiAggGIgII\
            ByICCAgqEgoQcqYHLHKVR1mGj8/5ErgCNQ==
            """
        ),
        (
            Internal.RunTaskMessage.self,
            """
            EkkKBHJvb3QSBWJlbmNoGisKKTE0ZTg5OGEyLWY3YmUtNDQ0MS04NjVkLTVlYzQ5NmU4OTliNy0wMDAwUgIIBlICCAViBWJlbmNo\
            GgpAMC4wLjAuMDowInsKAXQSBQoDYi0wGikKJzE0ZTg5OGEyLWY3YmUtNDQ0MS04NjVkLTVlYzQ5NmU4OTliNy1TMCIcCgRjcHVz\
            EAAaCQl7FK5H4XqEP1oHCgViZW5jaCIbCgNtZW0QABoJCQAAAAAAAPA/WgcKBWJlbmNoOgkaB2VjaG8gaGkqFBISChBypgcscpVH\
            WYaPz/kSuAI1MAE=
            """
        ),
    ]
}

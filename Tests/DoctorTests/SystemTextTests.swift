import Testing

@testable import Doctor

@Suite("What the kernel and other programs write")
struct SystemTextTests {
    @Test("Listening sockets of /proc/net/tcp and tcp6")
    func listeners() {
        let text = """
              sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
               0: 0100007F:13BA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   111        0 4711 1 x
               1: 0100007F:13BA 0100007F:9999 01 00000000:00000000 00:00000000 00000000   111        0 4712 1 x
               2: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4713 1 x
               3: 0000000000000000FFFF00000100000A:0885 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 4714 1 x
               4: broken
            """
        let found = SystemText.listeners(text)
        #expect(
            found.map(\.listener) == [
                Listener(address: "127.0.0.1", port: 5050), Listener(address: "::", port: 8080),
                Listener(address: "10.0.0.1", port: 2181),
            ])
        #expect(found.map(\.inode) == ["4711", "4713", "4714"])
    }

    @Test("The unit of a process, with version 2 and version 1 of cgroups")
    func unit() {
        #expect(SystemText.unit(ofControlGroups: "0::/system.slice/nginx.service\n") == "nginx")
        #expect(SystemText.unit(ofControlGroups: "0::/system.slice/mesos-slave.service/tasks\n") == "mesos-slave")
        #expect(
            SystemText.unit(ofControlGroups: "4:cpu:/\n1:name=systemd:/system.slice/marathon.service\n") == "marathon")
        #expect(SystemText.unit(ofControlGroups: "0::/user.slice/user-0.slice/session-1.scope\n") == nil)
        #expect(SystemText.unit(ofControlGroups: "") == nil)
    }

    @Test("The interface of the default route")
    func route() {
        let text = """
            Iface	Destination	Gateway	Flags	RefCnt	Use	Metric	Mask	MTU	Window	IRTT
            docker0	000011AC	00000000	0001	0	0	0	0000FFFF	0	0	0
            ens3	00000000	0200000A	0003	0	0	0	00000000	0	0	0
            """
        #expect(SystemText.defaultInterface(text) == "ens3")
        #expect(SystemText.defaultInterface("Iface\n") == nil)
    }

    @Test("The file system that holds a path")
    func mount() {
        let text = """
            22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw,errors=remount-ro
            30 22 0:26 / /var rw,nosuid,noexec - tmpfs tmpfs rw,size=1024k
            31 22 0:27 / /var/lib rw shared:2 - xfs /dev/vdb ro
            broken
            """
        #expect(SystemText.mount(of: "/var/lib/mesos", in: text)?.type == "xfs")
        #expect(SystemText.mount(of: "/var/lib/mesos", in: text)?.options.contains("ro") == true)
        #expect(SystemText.mount(of: "/var/library", in: text)?.type == "tmpfs")
        #expect(SystemText.mount(of: "/var/library", in: text)?.options.contains("noexec") == true)
        #expect(SystemText.mount(of: "/", in: text)?.options.contains("ro") == false)
        #expect(SystemText.mount(of: "/x", in: "") == nil)
    }

    @Test("Units of systemctl show; those that are not there are left out")
    func units() {
        let text = """
            Type=notify
            ExecStart={ path=/usr/sbin/mesos-master ; argv[]=/usr/sbin/mesos-master --port=5055 --ip=10.0.0.1 ; \
            ignore_errors=no ; start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
            Id=mesos-master.service
            LoadState=loaded
            ActiveState=failed
            SubState=failed
            UnitFileState=enabled
            Result=exit-code
            ExecMainStatus=1
            NRestarts=5
            MainPID=812
            StatusText=cannot start
            NeedDaemonReload=yes
            Delegate=no
            LimitNOFILE=524288
            TasksMax=infinity
            User=mesos
            Environment=MESOS_CLUSTER=one MESOS_QUORUM=2

            Id=marathon.service
            LoadState=not-found
            ActiveState=inactive

            Id=mesos-slave.service
            LoadState=loaded
            ActiveState=active
            Delegate=yes
            LimitNOFILE=infinity
            TasksMax=4915
            """
        let units = SystemText.units(text)
        #expect(units.map(\.name) == ["mesos-master", "mesos-slave"])
        #expect(units.first?.activeState == "failed")
        #expect(units.first?.result == "exit-code")
        #expect(units.first?.exitStatus == 1)
        #expect(units.first?.restarts == 5)
        #expect(units.first?.mainPID == 812)
        #expect(units.first?.needsReload == true)
        #expect(units.first?.isEnabled == true)
        #expect(units.first?.user == "mesos")
        #expect(units.first?.maximumFiles == 524_288)
        #expect(units.first?.maximumTasks == nil)
        #expect(units.first?.command == ["/usr/sbin/mesos-master", "--port=5055", "--ip=10.0.0.1"])
        #expect(units.first?.environment == ["MESOS_CLUSTER": "one", "MESOS_QUORUM": "2"])
        #expect(units.last?.maximumFiles == nil)
        #expect(units.last?.maximumTasks == 4915)
        #expect(units.last?.delegates == true)
    }

    @Test("What servers answer to srvr")
    func word() {
        let answer = """
            Zookeeper version: 3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on 2022
            Latency min/avg/max: 0/0.0/0
            Mode: follower
            Node count: 5
            """
        #expect(SystemText.word(answer) == .serves(mode: "follower", version: "3.8.0"))
        #expect(SystemText.word("srvr is not executed because it is not in the whitelist.\n") == .isNotAllowed)
        #expect(SystemText.word("This ZooKeeper instance is not currently serving requests\n") == .isNotServing)
        #expect(SystemText.word("HTTP/1.1 400 Bad Request\r\n") == .isStrange)
        #expect(SystemText.word("") == .none)
    }

    @Test("A registered master")
    func master() {
        let data =
            #"{"hostname":"m","id":"x","ip":16777343,"port":5050,"version":"1.11.0","#
            + #""address":{"hostname":"m1","ip":"10.0.0.1","port":5055}}"#
        let master = SystemText.master(node: "json.info_1", Array(data.utf8))
        #expect(
            master
                == MasterFacts(node: "json.info_1", hostname: "m1", address: "10.0.0.1", port: 5055, version: "1.11.0"))
        for broken in ["", "{}", #"{"address":{"ip":"10.0.0.1","port":0}}"#, #"{"address":{"port":1}}"#] {
            #expect(SystemText.master(node: "json.info_1", Array(broken.utf8)) == nil)
        }
    }

    @Test("Docker's information")
    func docker() {
        let body = #"{"ServerVersion":"20.10.24","CgroupDriver":"systemd","CgroupVersion":"2","Driver":"overlay2"}"#
        #expect(
            SystemText.docker(body)
                == DockerInformation(
                    version: "20.10.24", controlGroupDriver: "systemd", controlGroupVersion: "2",
                    storageDriver: "overlay2"))
        #expect(SystemText.docker("<html>") == nil)
    }

    @Test("The time in an HTTP answer")
    func date() {
        #expect(SystemText.seconds(ofDate: "Sun, 06 Nov 1994 08:49:37 GMT") == 784_111_777)
        for wrong in ["", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Bad 1994 08:49:37 GMT", "Sun, 36 Nov 1994 8 GMT"] {
            #expect(SystemText.seconds(ofDate: wrong) == nil)
        }
    }

    @Test("Secrets in files")
    func secrets() {
        #expect(SecretPattern.secret(inFile: "zk", text: "zk://a:b@host:2181/mesos\n") != nil)
        #expect(SecretPattern.secret(inFile: "zk", text: "zk://host:2181/mesos@b\n") == nil)
        #expect(SecretPattern.secret(inFile: "mesos", text: "# zk://a:b@host:2181/mesos\nZK=zk://h:2181/m\n") == nil)
        #expect(SecretPattern.secret(inFile: "mesos-master", text: "export MESOS_CREDENTIALS=x\n") != nil)
        #expect(SecretPattern.secret(inFile: "credentials", text: "{}") != nil)
        #expect(SecretPattern.secret(inFile: "zoo.cfg", text: "dataDir=/x\nclientPort=1\n") == nil)
        #expect(SecretPattern.secret(inFile: "zoo.cfg", text: "DigestAuthenticationProvider.superDigest=a:b\n") != nil)
        #expect(SecretPattern.secret(inFile: "jaas.conf", text: "  user_bob=\"x\";\n") != nil)
        #expect(SecretPattern.secretFile(named: "credentials", text: "file:///etc/x\n") == "/etc/x")
        #expect(SecretPattern.secretFile(named: "credential", text: "# where\n/etc/y\n") == "/etc/y")
        #expect(SecretPattern.secretFile(named: "credential", text: "{}") == nil)
        #expect(SecretPattern.secretFile(named: "hostname", text: "/etc/y") == nil)
    }
}

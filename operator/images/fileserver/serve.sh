#!/bin/sh
# First process of a file server's container: version 3 of NFS asks rpcbind for the server's ports.
set -eu
mkdir -p /run/ganesha/recovery /run/rpcbind
rpcbind -w
# The claim's folder is root's; jobs of any user write below it, as on the service's file servers.
chmod 0777 /export
exec ganesha.nfsd -F -L /dev/stdout -f /etc/ganesha/batchai.conf -p /run/ganesha/pid

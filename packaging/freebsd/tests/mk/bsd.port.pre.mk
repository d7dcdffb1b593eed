# Stand-in for FreeBSD's bsd.port.pre.mk: what the port's conditions look at.
OPSYS?=		FreeBSD
OSVERSION?=	1400097
ARCH?=		amd64
LOCALBASE?=	/usr/local
PREFIX?=	${LOCALBASE}
LLVM_DEFAULT?=	19
.if ${FLAVORS:M${FLAVOR}} == ""
.error FLAVOR ${FLAVOR} is not one of: ${FLAVORS}
.endif

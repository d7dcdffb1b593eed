# Stand-in for FreeBSD's bsd.port.post.mk: as much of it as this port uses, and what a complete
# port must have.

WRKDIR?=	${.CURDIR}/work
STAGEDIR?=	${WRKDIR}/stage
DISTNAME?=	${PORTNAME}-${DISTVERSION}
WRKSRC?=	${WRKDIR}/${DISTNAME}
CARGO_TARGET_DIR?=	${WRKDIR}/target
CARGO_BUILD_TARGET?=	x86_64-unknown-freebsd
STRIP?=		-s
INSTALL_PROGRAM=	install ${STRIP} -m 555
INSTALL_SCRIPT=	install -m 555
INSTALL_LIB=	install ${STRIP} -m 0644
INSTALL_DATA=	install -m 0644
INSTALL_MAN=	install -m 444
MKDIR=		mkdir -p
ECHO_MSG=	echo
SETENV=		env

# Flavors
.for _v in DESCR PKGNAMEPREFIX PKGNAMESUFFIX PLIST
.if defined(${FLAVOR}_${_v})
${_v}=	${${FLAVOR}_${_v}}
.endif
.endfor
DESCR?=		${.CURDIR}/pkg-descr
PLIST?=		${.CURDIR}/pkg-plist
PKGNAME=	${PKGNAMEPREFIX}${PORTNAME}${PKGNAMESUFFIX}-${DISTVERSION}
PKGBASE=	${PKGNAMEPREFIX}${PORTNAME}${PKGNAMESUFFIX}

.sinclude "${.CURDIR}/Makefile.crates"

.for _v in PORTNAME DISTVERSION CATEGORIES MASTER_SITES MAINTAINER COMMENT WWW LICENSE LICENSE_FILE CARGO_CRATES
.if empty(${_v})
.error ${_v} is not set
.endif
.endfor
.if !empty(COMMENT:M*.)
.error COMMENT ends with a period
.endif
.for _f in ${DESCR} ${PLIST} ${.CURDIR}/distinfo ${USE_RC_SUBR:S,^,${.CURDIR}/files/,:S,$,.in,} ${SUB_FILES:S,^,${.CURDIR}/files/,:S,$,.in,}
.if !exists(${_f})
.error ${_f} is missing
.endif
.endfor
.if ${CARGO_INSTALL:Uyes:tl} == "no" && !target(do-install)
.error CARGO_INSTALL=no without do-install
.endif

SUB_LIST+=	PREFIX=${PREFIX} LOCALBASE=${LOCALBASE}
PLIST_SUB+=	PREFIX=${PREFIX}
_SED=		sed ${SUB_LIST:C/([^=]*)=(.*)/-e 's|%%\1%%|\2|g'/}

# What the real one does around do-install.
stage: install-dirs do-install install-rc compress-man
install-dirs:
	${MKDIR} ${STAGEDIR}${PREFIX}/bin ${STAGEDIR}${PREFIX}/sbin ${WRKDIR}
.for _f in ${SUB_FILES}
	${_SED} ${.CURDIR}/files/${_f}.in > ${WRKDIR}/${_f}
.endfor
do-install: install-dirs
install-rc: do-install
.for _f in ${USE_RC_SUBR}
	${MKDIR} ${STAGEDIR}${PREFIX}/etc/rc.d
	${_SED} ${.CURDIR}/files/${_f}.in > ${STAGEDIR}${PREFIX}/etc/rc.d/${_f}
	chmod 555 ${STAGEDIR}${PREFIX}/etc/rc.d/${_f}
.endfor

# Manual pages are compressed behind the port's back, and listed so.
compress-man: install-rc
	find ${STAGEDIR}${PREFIX}/share/man -type f -exec gzip -9nf {} +

# The packing list, rc.d scripts included.
plist:
	@sed ${PLIST_SUB:C/([^=]*)=(.*)/-e 's|%%\1%%|\2|g'/} ${PLIST}
.for _f in ${USE_RC_SUBR}
	@echo etc/rc.d/${_f}
.endfor
